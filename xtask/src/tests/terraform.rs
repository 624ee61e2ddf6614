//! What `terraform/` reads of the code.

use domain::Definitions;

use super::workspace;
use crate::terraform::generate;

#[test]
fn what_terraform_reads_is_what_the_code_says() {
    let workspace = workspace();
    let functions = workspace.functions().unwrap();
    let files = generate::files(&functions, &Definitions::embedded()).unwrap();
    let stale = generate::stale(&workspace.root, &files).unwrap();
    assert!(stale.is_empty(), "{stale:?}: {}", generate::COMMAND);
}
