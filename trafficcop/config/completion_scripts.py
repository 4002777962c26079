"""What `trafficcop completion SHELL` prints: a script that asks `trafficcop completion --line` what may follow."""

_BASH = """\
# bash: . <(trafficcop completion bash)
_trafficcop() {
    local line word kept="" typed="${COMP_LINE:0:COMP_POINT}"
    COMPREPLY=()
    # Bash has cut the word at some characters and replaces only what is behind the last of them.
    local current="${typed##*[[:space:]]}"
    [[ $COMP_WORDBREAKS == *"="* && $current == *"="* ]] && kept="${current%=*}="
    [[ $COMP_WORDBREAKS == *":"* && $current == *":"* ]] && kept="${current%:*}:"
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${current#"$kept"}")
            continue
        fi
        word="${line%%$'\\t'*}"
        COMPREPLY+=("${word#"$kept"}")
    done < <("${COMP_WORDS[0]}" completion --line "$typed" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[.=] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _trafficcop trafficcop
"""

_ZSH = """\
#compdef trafficcop
# zsh: . <(trafficcop completion zsh), after compinit
_trafficcop() {
    local line word
    local -a open whole shown_open shown_whole
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compset -P '*='
            _files
            continue
        fi
        word="${line%%$'\\t'*}"
        if [[ $word == *[.=] ]]; then
            open+=("$word"); shown_open+=("${line/$'\\t'/  }")
        else
            whole+=("$word"); shown_whole+=("${line/$'\\t'/  }")
        fi
    done < <("${words[1]}" completion --line "$LBUFFER" 2>/dev/null)
    (( ${#open} )) && compadd -Q -S '' -l -d shown_open -a open
    (( ${#whole} )) && compadd -Q -l -d shown_whole -a whole
    return 0
}
compdef _trafficcop trafficcop
"""

_FISH = """\
# fish: trafficcop completion fish | source
function __trafficcop_complete
    set -l typed (commandline --cut-at-cursor --current-process)
    for line in (trafficcop completion --line "$typed" 2>/dev/null)
        if test "$line" = ":files"
            set -l word (commandline --current-token --cut-at-cursor)
            set -l flag (string match --regex '^-[^=]*=' -- $word; or echo)
            printf '%s\n' $flag(__fish_complete_path (string replace -- "$flag" '' "$word"))
        else
            echo $line
        end
    end
end
complete --command trafficcop --no-files --arguments '(__trafficcop_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
USAGE = """\
trafficcop completion prints a script for a shell, which then completes commands, flags and values.

Usage: trafficcop completion bash|zsh|fish

  bash: . <(trafficcop completion bash)           in ~/.bashrc
  zsh:  . <(trafficcop completion zsh)            in ~/.zshrc, after compinit
  fish: trafficcop completion fish | source       in ~/.config/fish/config.fish
"""
