//! Records that do not count when a history is folded again, and were never noted.

use cloud_run::quarantine;
use snapshot_builder::Uncounted;
use store::Tools;

use crate::Problem;

/// Who notes the records that do not count.
const FUNCTION: &str = "snapshot-builder";

/// Writes the note that the record would have if it came now. `false` where there is one, which is
/// left.
pub(crate) async fn note(tools: &Tools, record: &Uncounted) -> Result<bool, Problem> {
    let Uncounted { object, generation, reasons } = record;
    let kept = quarantine(tools, FUNCTION, (object, *generation), reasons);
    kept.await.map_err(|failure| Problem::new(failure.to_string()))
}
