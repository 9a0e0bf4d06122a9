/** Sizes of files as a person reads them. */

const steps = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** E.g. `532 B`, `1.5 MiB`, `12 GiB`. */
export function sizeText(sizeBytes: number): string {
  let value = sizeBytes;
  let step = 0;
  while (value >= 1_024 && step < steps.length - 1) {
    value /= 1_024;
    step += 1;
  }
  const digits = step === 0 || value >= 10 ? 0 : 1;
  return `${value.toFixed(digits)} ${steps[step]}`;
}
