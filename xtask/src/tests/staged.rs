//! What is run of Terraform, with a script in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use domain::Env;
use tempfile::TempDir;

use super::workspace;
use crate::terraform::staged::{self, Aim, Staged};
use crate::terraform::tool::Tool;
use crate::workspace::Workspace;

/// Notes its arguments, and does as much as a plan and its apply take.
const SCRIPT: &str = r#"
echo "$@" >> "$(dirname "$0")/calls"
case $1 in
  plan) [ -f "$(dirname "$0")/broken" ] && { echo "Error: no such thing" >&2; exit 1; }; echo p > saved.plan ;;
  show) echo '{"resource_changes": []}' ;;
  state) printf 'data.google_x.y\ngoogle_storage_bucket.this[0]\ngoogle_pubsub_topic.a\n' ;;
esac
"#;

/// A workspace that builds into a folder of its own, and the script in that folder.
fn stand_in() -> (TempDir, Workspace, Tool) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("terraform.sh");
    fs::write(&script, SCRIPT).unwrap();
    let workspace = Workspace { target: folder.path().to_owned(), ..workspace() };
    let tool = Tool::named(&format!("sh {}", script.display()), Path::new("/"));
    (folder, workspace, tool)
}

fn calls(folder: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("calls")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_applied_is_the_saved_plan_and_nothing_else() {
    let (folder, workspace, tool) = stand_in();
    let staged = Staged::new(&workspace, "dev", false, tool.clone()).unwrap();
    staged.plan(Env::Dev, &BTreeMap::new(), Aim::All).unwrap();
    let left = Staged::left(&workspace, "dev", tool);
    assert!(left.is_planned());
    assert!(left.apply().unwrap());
    assert!(!left.is_planned());
    assert_eq!(
        calls(&folder),
        [
            "plan -input=false -no-color -lock-timeout=60s -out=saved.plan \
             -var-file=environments/dev.tfvars -var-file=images.tfvars.json",
            "show -json -no-color saved.plan",
            "apply -input=false saved.plan",
        ]
    );
}

#[test]
fn a_plan_that_fails_leaves_none_of_before() {
    let (folder, workspace, tool) = stand_in();
    let staged = Staged::new(&workspace, "dev", false, tool.clone()).unwrap();
    staged.plan(Env::Dev, &BTreeMap::new(), Aim::All).unwrap();
    fs::write(folder.path().join("broken"), "").unwrap();
    let staged = Staged::new(&workspace, "dev", false, tool).unwrap();
    let err = staged.plan(Env::Dev, &BTreeMap::new(), Aim::All).unwrap_err().to_string();
    assert_eq!(err, "terraform plan: Error: no such thing");
    assert!(!staged.is_planned());
}

#[test]
fn what_goes_with_a_deployment_is_everything_but_data() {
    let (folder, workspace, tool) = stand_in();
    let staged = Staged::new(&workspace, "dev", true, tool).unwrap();
    staged.plan(Env::Dev, &BTreeMap::new(), Aim::Nothing).unwrap();
    let plan = calls(&folder).into_iter().find(|it| it.starts_with("plan")).unwrap();
    assert!(plan.ends_with("-destroy -target=google_pubsub_topic.a"), "{plan}");
}

#[test]
fn a_copy_has_the_configuration_and_its_own_state_on_demand() {
    let (_folder, workspace, tool) = stand_in();
    let staged = Staged::new(&workspace, "dev", true, tool.clone()).unwrap();
    let there = |name: &str| staged.folder.join(name).exists();
    for name in ["main.tf", "functions.json", "environments/dev.tfvars", "local_override.tf"] {
        assert!(there(name), "{name}");
    }
    Staged::new(&workspace, "dev", false, tool).unwrap();
    assert!(!there("local_override.tf"));
}

#[test]
fn a_choice_of_providers_that_is_missing_or_not_committed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git").args(arguments).current_dir(root).output();
        assert!(done.unwrap().status.success(), "git {arguments:?}");
    };
    fs::create_dir(root.join("terraform")).unwrap();
    let missing = staged::lock_hint(root).unwrap();
    assert!(missing.starts_with("terraform/.terraform.lock.hcl is missing: "), "{missing}");
    fs::write(root.join("terraform/.terraform.lock.hcl"), "").unwrap();
    git(&["init", "--quiet"]);
    let untracked = staged::lock_hint(root).unwrap();
    assert!(untracked.contains("is not committed: git add terraform/.terraform.lock.hcl"));
    git(&["add", "terraform/.terraform.lock.hcl"]);
    assert_eq!(staged::lock_hint(root), None);
}

#[test]
fn what_ought_to_be_there_is_planned_without_a_look_and_is_never_applied() {
    let (folder, workspace, tool) = stand_in();
    let staged = Staged::new(&workspace, "doctor-dev", false, tool).unwrap();
    staged.expectation(Env::Dev, &BTreeMap::new()).unwrap();
    assert!(!staged.is_planned());
    assert_eq!(
        calls(&folder)[0],
        "plan -input=false -no-color -lock=false -refresh=false -out=saved.plan \
         -var-file=environments/dev.tfvars -var-file=images.tfvars.json"
    );
}
