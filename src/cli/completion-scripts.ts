/**
 * What each shell sources: a function that asks `holdfast complete` with the words so far. The words are handed
 * over as they are, never evaluated, so that pressing Tab runs nothing that was typed.
 */

export const completionShells = ["bash", "zsh", "fish"] as const;
export type CompletionShell = (typeof completionShells)[number];

/** The script of each shell. Bash splits words at ":", so what stands before it is taken off the replies again. */
export const completionScripts: Readonly<Record<CompletionShell, string>> = {
  bash: `# holdfast completion for bash
_holdfast() {
  local line=\${COMP_LINE:0:COMP_POINT} current reply
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r reply _; do
    [[ $current == *:* && $COMP_WORDBREAKS == *:* ]] && reply=\${reply#"\${current%"\${current##*:}"}"}
    [[ $current == *=* && $COMP_WORDBREAKS == *=* ]] && reply=\${reply#"\${current%%=*}="}
    COMPREPLY+=("$reply")
  done < <(holdfast complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _holdfast holdfast
`,
  zsh: `#compdef holdfast
# holdfast completion for zsh
_holdfast() {
  local -a lines replies
  local line
  lines=("\${(@f)$(holdfast complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    replies+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#replies} )); then _describe holdfast replies; else _files; fi
}
compdef _holdfast holdfast
`,
  fish: `# holdfast completion for fish
complete -c holdfast -f -a '(holdfast complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c holdfast -s f -l file -r -F
complete -c holdfast -l token-file -r -F
complete -c holdfast -l out -r -F
complete -c holdfast -l config -r -F
complete -c holdfast -l data -r -F
`,
};
