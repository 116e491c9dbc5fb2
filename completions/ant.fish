# Completion of ant for fish 3 and later.

function __ant_complete
    set -l typed (commandline -opc)
    set -e typed[1]
    set -l current (commandline -ct)
    set -l answer (ant __complete $typed "$current" 2>/dev/null)
    if test "$answer" = ":files"
        set -l at (string match -r '^@' -- $current; or echo '')
        for file in (__fish_complete_path (string replace -r '^@' '' -- $current))
            echo $at$file
        end
    else if set -q answer[1]
        printf '%s\n' $answer
    end
end

complete -c ant -f -a '(__ant_complete)'
