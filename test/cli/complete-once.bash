# Completes the line $2 with the completion script $1, as bash does on Tab, and prints the replies.
source "$1"
COMP_LINE=$2
COMP_POINT=${#2}
_holdfast
printf '%s\n' "${COMPREPLY[@]}"
