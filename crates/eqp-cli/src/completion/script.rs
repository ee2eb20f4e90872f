//! The part of a completion script that calls the tool for values.

use clap_complete::Shell;

use super::argument::completed_options;

/// Runs after the generated function, and replaces its suggestions if the tool prints values. Bash splits words at `=` and `:` too; only
/// the part of a value after them is inserted.
const BASH: &str = r#"
_eqp_with_values() {
    _eqp "$@"
    local line="${COMP_LINE:0:COMP_POINT}" value
    local -a words values=()
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local before="${words[${#words[@]}-1]%"$2"}"
    while IFS= read -r value; do
        values+=("${value#"$before"}")
    done < <(command eqp complete -- "${words[@]}" 2>/dev/null)
    if [[ ${#values[@]} -gt 0 ]]; then
        COMPREPLY=("${values[@]}")
    fi
}
"#;

/// Replaces the generated function, and calls it if the tool prints no values.
const ZSH: &str = r#"
functions[_eqp_without_values]=$functions[_eqp]

_eqp() {
    local -a values
    values=(${(f)"$(command eqp complete -- "${(@Q)words[1,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
    if (( $#values )); then
        compadd -a values
    else
        _eqp_without_values "$@"
    fi
}

"#;

/// The line before which the function of zsh is replaced.
const ZSH_END: &str = "if [ \"$funcstack[1]\" = \"_eqp\" ]";

/// Adds the values of positional arguments. Those of each option follow.
const FISH: &str = r#"
function __fish_eqp_values
    set -l current (commandline -ct)
    command eqp complete -- (commandline -opc) "$current" 2>/dev/null
end

function __fish_eqp_after
    set -l words (commandline -opc)
    test "$words[-1]" = "$argv[1]"
end

complete -c eqp -n "not string match -q -- '-*' (commandline -ct)" -a "(__fish_eqp_values)"
"#;

/// Adds the calls for values to a generated script. Scripts for other shells than bash, fish and zsh do not change.
pub(crate) fn with_values(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{BASH}\n{}", script.replace("complete -F _eqp -o", "complete -F _eqp_with_values -o")),
        Shell::Zsh => script.replacen(ZSH_END, &format!("{}{ZSH_END}", ZSH.trim_start()), 1),
        Shell::Fish => {
            let options = completed_options().into_iter().map(|name| {
                format!("complete -c eqp -n \"__fish_eqp_after --{name}\" -l {name} -x -a \"(__fish_eqp_values)\"\n")
            });
            format!("{script}{FISH}{}", options.collect::<String>())
        }
        _ => script.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap_complete::generate;

    use super::*;

    #[test]
    fn the_scripts_of_three_shells_call_the_tool() {
        for (shell, count) in
            [(Shell::Bash, 1), (Shell::Zsh, 1), (Shell::Fish, 1), (Shell::Elvish, 0), (Shell::PowerShell, 0)]
        {
            let mut script = Vec::new();
            generate(shell, &mut crate::definition(), "eqp", &mut script);
            let script = with_values(shell, &String::from_utf8(script).unwrap());
            assert_eq!(script.matches("command eqp complete --").count(), count, "{shell}");
            assert!(!script.contains("complete -F _eqp -o"), "bash uses the function with values");
        }
    }
}
