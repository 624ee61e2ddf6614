//! A page of `docs/runbooks`, as somebody reads it who follows it.
//!
//! A block of `sh` is run, line by line. Below a command, lines that begin with `#` say what is seen:
//! `# exit code N` where that is not 0, and otherwise a line that is printed, in which `…` stands for
//! anything. A block of `console` has what only Google Cloud, or a clone, can do.

/// The programs that a page may call.
const PROGRAMS: [&str; 6] =
    ["operator", "manifest-compactor", "cargo xtask", "gcloud", "terraform", "git"];

/// The first of them can be run here.
const RUN: usize = 2;

/// A command, and what the page says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// As it is typed.
    pub(super) line: String,
    pub(super) exit_code: i32,
    pub(super) printed: Vec<String>,
}

/// What a page has.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) run: Vec<Command>,
    /// What is not run here.
    pub(super) elsewhere: Vec<String>,
    /// What cannot stand on a page.
    pub(super) problems: Vec<String>,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(kind) = line.trim_start().strip_prefix("```") else {
                page.prose(line);
                continue;
            };
            let block: Vec<&str> =
                lines.by_ref().take_while(|it| it.trim() != "```").map(str::trim).collect();
            match kind {
                "sh" => page.run(&block),
                "console" => page.elsewhere(&block),
                _ => page.problems.push(format!("a block of {kind:?}: {}", block.join(" / "))),
            }
        }
        page
    }

    fn run(&mut self, block: &[&str]) {
        for line in block.iter().filter(|it| !it.is_empty()) {
            let said = line.strip_prefix("# ");
            match (said, self.run.last_mut()) {
                (Some(said), Some(command)) => match said.strip_prefix("exit code ") {
                    Some(code) => command.exit_code = code.parse().unwrap_or(-1),
                    None => command.printed.push(said.to_owned()),
                },
                (Some(said), None) => self.problems.push(format!("no command prints {said:?}")),
                (None, _) => {
                    let runs_here = program(line).is_some_and(|it| it < RUN || is_gcloud(line));
                    if !runs_here {
                        self.problems.push(format!("cannot be run: {line}"));
                    }
                    self.run.push(Command { line: (*line).to_owned(), ..Command::default() });
                }
            }
        }
    }

    fn elsewhere(&mut self, block: &[&str]) {
        let text = block.join("\n").replace("\\\n", "");
        for line in text.lines().filter(|it| !it.is_empty() && !it.starts_with("# ")) {
            match program(line) {
                Some(at) if at >= RUN => self.elsewhere.push(line.to_owned()),
                Some(_) => self.problems.push(format!("belongs into a block of sh: {line}")),
                None => self.problems.push(format!("of no program that is known: {line}")),
            }
        }
    }

    /// A command between other words is one that nobody has run.
    fn prose(&mut self, line: &str) {
        for code in line.split('`').skip(1).step_by(2) {
            if program(code).is_some() && !PROGRAMS.contains(&code) {
                self.problems.push(format!("a command in no block: {code}"));
            }
        }
    }
}

/// Which of the programs `line` calls.
fn program(line: &str) -> Option<usize> {
    PROGRAMS.iter().position(|it| {
        line.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// Whether it asks what the emulator is, too.
pub(super) fn is_gcloud(line: &str) -> bool {
    line.starts_with("gcloud storage ") || line.starts_with("gcloud pubsub ")
}

/// Whether `printed` is what a page says with `…` in it. How many spaces there are does not count.
pub(super) fn says(printed: &str, expected: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, expected) = (plain(printed), plain(expected));
    let mut parts: Vec<&str> = expected.split('…').map(str::trim).collect();
    let (first, last) = (parts.remove(0), parts.pop());
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[test]
fn a_page_is_read_with_what_it_shows() {
    let page = Page::read(
        "When.\n```sh\noperator status --env prod\n# exit code 1\n# LOOK … dead\n```\n\
         ```console\ngcloud run services list \\\n  --region R\n# a note\n```\n",
    );
    let line = "operator status --env prod".to_owned();
    let command = Command { line, exit_code: 1, printed: vec!["LOOK … dead".to_owned()] };
    assert_eq!((page.run, page.problems), (vec![command], Vec::<String>::new()));
    assert_eq!(page.elsewhere, ["gcloud run services list --region R"]);
}

#[test]
fn what_nobody_runs_is_a_problem() {
    let problem = |text: &str| Page::read(text).problems.join("; ");
    assert_eq!(
        problem("Say `operator status`, or `dlq list`."),
        "a command in no block: operator status"
    );
    assert_eq!(problem("```\noperator status\n```"), "a block of \"\": operator status");
    assert_eq!(problem("```sh\nterraform plan\n```"), "cannot be run: terraform plan");
    assert_eq!(problem("```sh\nrm -rf x\n```"), "cannot be run: rm -rf x");
    assert_eq!(
        problem("```console\noperator status\n```"),
        "belongs into a block of sh: operator status"
    );
    assert_eq!(problem("```console\ncurl x\n```"), "of no program that is known: curl x");
    assert_eq!(problem("```sh\n# printed\n```"), "no command prints \"printed\"");
}

#[test]
fn what_is_printed_is_what_the_page_says_but_for_dots() {
    assert!(says("  a   b c", "a b c"));
    assert!(says("3 of 3 dead letters", "… of … dead letters"));
    assert!(says("a b", "a b …") && says("a b c", "a …"));
    assert!(!says("a b c", "a b") && !says("a b", "b") && !says("a b c", "a … d"));
    assert!(!says("a", "a … a"), "the same letters are not counted twice");
}
