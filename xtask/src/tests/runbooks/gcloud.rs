//! Whether gcloud has the commands and the options of a line: by the tree that its installation brings
//! for completion, so that nothing is started and nobody is asked.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::Value;

/// In a folder of gcloud.
const TREE: &str = "data/cli/gcloud_completions.py";

static COMMANDS: LazyLock<Option<Value>> = LazyLock::new(|| {
    let text = fs::read_to_string(folder()?.join(TREE)).ok()?;
    let (_, tree) = text.split_once("STATIC_COMPLETION_CLI_TREE = ")?;
    Some(serde_json::from_str(tree).unwrap())
});

/// Where gcloud is installed, if it is.
pub(super) fn folder() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let program = env::split_paths(&path).map(|it| it.join("gcloud")).find(|it| it.exists())?;
    let program = program.canonicalize().ok()?;
    // A package puts a script of its own in a folder of programs.
    let beside = program.parent()?.parent()?.to_owned();
    let packaged = PathBuf::from("/usr/lib/google-cloud-sdk");
    [beside, packaged].into_iter().find(|it| it.join(TREE).exists())
}

/// What gcloud does not know of `line`; nothing where gcloud is not installed.
pub(super) fn problem(line: &str) -> Option<String> {
    let commands = COMMANDS.as_ref()?;
    unknown(commands, line)
}

fn unknown(commands: &Value, line: &str) -> Option<String> {
    let (mut at, mut flags) = (commands, Vec::new());
    for word in line.split_whitespace().skip(1) {
        if let Some(flag) = word.strip_prefix("--") {
            flags.push(format!("--{}", flag.split('=').next().unwrap_or_default()));
            continue;
        }
        match &at["commands"][word] {
            Value::Null if at["commands"].as_object().is_some_and(|it| !it.is_empty()) => {
                return Some(format!("no command {word:?} in {line}"));
            }
            Value::Null => (),
            next => at = next,
        }
    }
    let known = |flag: &String| {
        [at, commands].iter().any(|it| {
            let plain = format!("--{}", flag.trim_start_matches("--").trim_start_matches("no-"));
            !it["flags"][flag].is_null() || !it["flags"][plain].is_null()
        })
    };
    let flag = flags.into_iter().find(|flag| !known(flag))?;
    Some(format!("no option {flag} in {line}"))
}

#[test]
fn an_unknown_command_or_option_is_found() {
    let tree = serde_json::json!({
        "commands": {"run": {"commands": {"list": {"commands": {}, "flags": {"--region": "value"}}},
            "flags": {}}},
        "flags": {"--format": "value"},
    });
    assert_eq!(unknown(&tree, "gcloud run list NAME --region=R --format json"), None);
    assert_eq!(
        unknown(&tree, "gcloud run look"),
        Some("no command \"look\" in gcloud run look".to_owned())
    );
    let line = "gcloud run list --zone=R";
    assert_eq!(unknown(&tree, line), Some(format!("no option --zone in {line}")));
}
