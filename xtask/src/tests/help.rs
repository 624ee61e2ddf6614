//! What `--help` teaches: each command has an example, and each example is one that can be typed.

use std::collections::BTreeSet;

use clap::{ArgMatches, Command, CommandFactory as _};

/// Lines of examples that are a shell's own.
const OF_A_SHELL: [&str; 2] = ["set -a; . ./.env.local; set +a", "cargo test -p score-keeper "];

/// A program, by what a line of it begins with.
fn programs() -> [(&'static str, Command); 3] {
    [
        ("operator", operator::Cli::command()),
        ("manifest-compactor", manifest_compactor::Cli::command()),
        ("cargo xtask", crate::Cli::command()),
    ]
}

/// Every line of the sections of examples of `command` and what is below it.
fn examples(command: &Command, found: &mut Vec<String>) {
    let help = command.get_after_long_help().or(command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().skip_while(|it| *it != "Examples:").skip(1);
    let lines = lines.take_while(|it| !it.is_empty());
    // What is further to the right goes on with what the line before says.
    let lines = lines.filter(|it| it.starts_with("  ") && !it.starts_with("   "));
    found.extend(lines.map(|it| it.trim().to_owned()));
    command.get_subcommands().for_each(|it| examples(it, found));
}

/// The words of a line, up to what is said about it behind two spaces; those of the last command,
/// without the file that it writes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut before) = (Vec::new(), None, None, ' ');
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_with(String::new).push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_with(String::new);
            }
            (None, ' ') if before == ' ' => break,
            (None, ' ') => words.extend(word.take()),
            (None, _) => word.get_or_insert_with(String::new).push(letter),
        }
        before = letter;
    }
    words.extend(word);
    if let [eval, asked] = &words[..]
        && eval == "eval"
    {
        let asked = asked.trim_start_matches("$(").trim_end_matches(')').to_owned();
        words = asked.split(' ').map(str::to_owned).collect();
    }
    if let Some(file) = words.iter().rposition(|it| it == ">")
        && words.len() == file + 2
    {
        words.truncate(file);
    }
    let last = |it: &String| it == "|" || it.ends_with(';');
    let mut words = words.split_off(words.iter().rposition(last).map_or(0, |at| at + 1));
    // A variable of this one command.
    if words.first().is_some_and(|it| it.starts_with("TERRAFORM=")) {
        words.remove(0);
    }
    words
}

/// The program that a line calls, and what clap makes of it.
fn typed(line: &str, programs: &[(&'static str, Command)]) -> Result<(usize, ArgMatches), String> {
    let mut words = words(line);
    let is_xtask = words.len() > 1 && words[..2] == ["cargo", "xtask"];
    if is_xtask {
        words.splice(..2, ["cargo xtask".to_owned()]);
    }
    let named = programs.iter().position(|(name, _)| words.first().is_some_and(|it| it == name));
    let at = named.unwrap_or_else(|| {
        words.insert(0, "operator".to_owned());
        0
    });
    let matches = programs[at].1.clone().try_get_matches_from(words);
    matches.map(|it| (at, it)).map_err(|err| format!("{line}: {err}"))
}

/// `dlq list` of what was typed.
fn path(mut matches: &ArgMatches) -> String {
    let mut path = Vec::new();
    while let Some((name, below)) = matches.subcommand() {
        path.push(name);
        matches = below;
    }
    path.join(" ")
}

/// What can be typed below `command`.
fn paths(command: &Command, before: &str, found: &mut BTreeSet<String>) {
    for it in command.get_subcommands().filter(|it| it.get_name() != "help") {
        let path = format!("{before} {}", it.get_name()).trim().to_owned();
        // One like `index` does something itself, too; that has an example or it has not.
        if !it.has_subcommands() {
            found.insert(path.clone());
        }
        paths(it, &path, found);
    }
}

#[test]
fn every_line_of_the_examples_can_be_typed() {
    let (programs, mut lines) = (programs(), Vec::new());
    programs.iter().for_each(|(_, command)| examples(command, &mut lines));
    assert!(lines.len() > 150, "{}", lines.len());
    let lines = lines.iter().filter(|it| !OF_A_SHELL.iter().any(|of| it.starts_with(of)));
    let wrong: Vec<String> = lines.filter_map(|it| typed(it, &programs).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_has_an_example_in_its_own_help() {
    let (programs, mut missing) = (programs(), Vec::new());
    for (name, command) in &programs {
        for it in command.get_subcommands().filter(|it| it.get_name() != "help") {
            let mut lines = Vec::new();
            examples(it, &mut lines);
            let typed = lines.iter().filter_map(|line| typed(line, &programs).ok());
            // `compact` is the compactor, whose help names it as it is called alone.
            let typed: BTreeSet<String> = typed
                .map(|(at, matches)| match programs[at].0 {
                    "manifest-compactor" => "compact".to_owned(),
                    _ => path(&matches),
                })
                .collect();
            let mut below = BTreeSet::new();
            match it.has_subcommands() {
                true => paths(it, it.get_name(), &mut below),
                false => drop(below.insert(it.get_name().to_owned())),
            }
            missing.extend(below.difference(&typed).map(|path| format!("{name} {path}")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn an_unknown_option_is_one_line_that_names_the_help() {
    for (name, command) in programs() {
        let mut found = BTreeSet::from([String::new()]);
        paths(&command, "", &mut found);
        // The simulation is a program of its own, and reads them itself.
        for path in found.iter().filter(|it| *it != "sim") {
            let words = [name].into_iter().chain(path.split(' ').filter(|it| !it.is_empty()));
            let words = words.chain(["--no-such-option"]);
            let err = command.clone().try_get_matches_from(words).unwrap_err();
            let said = operator::refused(&err).unwrap_or_default();
            let is_right = said.contains("--no-such-option") && said.ends_with("--help says more");
            assert!(is_right && said.lines().count() == 1, "{name} {path}: {said}");
        }
    }
}

#[test]
fn words_are_those_of_a_shell_up_to_what_is_said_about_them() {
    let line = r#"echo '{"a": 1}' | write venture V1 --reason "board of 3 May"   said  twice"#;
    assert_eq!(words(line), ["write", "venture", "V1", "--reason", "board of 3 May"]);
    let programs = programs();
    assert!(typed("get venture V1 --as-of yesterday", &programs).is_err());
    assert!(typed("cargo xtask no-such-command", &programs).is_err());
}
