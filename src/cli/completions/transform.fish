# Completion of transform for fish. The program itself says what may come next.
function __transform_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l lines ($program complete -- $words "$current" 2>/dev/null)
    if test (count $lines) -gt 0
        printf '%s\n' $lines
    else
        # Where it says nothing, files may come.
        __fish_complete_path "$current"
    end
end
complete -c transform -f -k -a '(__transform_complete)'
