#compdef transform
# Completion of transform for zsh. The program itself says what may come next.
_transform() {
    local line word
    local -a spaced open
    for line in "${(@f)$(${~words[1]} complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        word="${line%%$'\t'*}"
        line="${word//:/\\:}:${line#*$'\t'}"
        if [[ $word == *[=/] ]]; then open+=("$line"); else spaced+=("$line"); fi
    done
    if (( ! ${#spaced} && ! ${#open} )); then
        # Where it says nothing, files may come.
        _files
        return
    fi
    (( ${#spaced} )) && _describe -V transform spaced
    (( ${#open} )) && _describe -V transform open -S ''
}
if [[ $funcstack[1] == _transform ]]; then
    _transform "$@"
else
    compdef _transform transform
fi
