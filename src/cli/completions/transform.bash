# Completion of transform for bash. The program itself says what may come next.
_transform() {
    local line word
    COMPREPLY=()
    while IFS= read -r line; do
        # Quoted: bash takes what is offered as if it were typed, and a file may be called `$(...)`.
        printf -v word %q "${line%%$'\t'*}"
        COMPREPLY+=("$word")
    done < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace
    fi
}
# Where it says nothing, files may come. nosort: since bash 4.4.
complete -o default -o nosort -F _transform transform 2>/dev/null || complete -o default -F _transform transform
