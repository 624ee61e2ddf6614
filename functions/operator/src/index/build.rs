//! `index build`: every snapshot of a segment, delivered to the index-writer's handler.

use domain::{Delivery, Disposition, Handler as _, ObjectName, Overwrote, Planted};
use index_writer::IndexWriter;

use crate::job::{How, Job, Stop, What};
use crate::{Operator, Problem, Shortcut};

/// How often an entity is tried.
const DELIVERIES_MAX: usize = 4;

pub(crate) async fn run(
    operator: &Operator<'_>,
    (segment, index): (&str, &str),
    dry: bool,
    wait: bool,
) -> Result<bool, Problem> {
    let what = What { job: "index-build", segment, subject: index };
    let job = Job::new(operator, what, How::new(operator, dry, wait));
    let writer = IndexWriter { tools: job.tools.clone(), planted: Planted::NONE };
    let overwrote = match operator.planted.has(Shortcut::VisitedAsTheFirstVersion) {
        true => Overwrote::Nothing,
        false => Overwrote::Unknown,
    };
    let walked = job.walk(|stop| deliver(&writer, stop, overwrote)).await?;
    job.report(&walked)
}

/// Delivers the snapshot that was listed, as one of which nobody knows what it `overwrote`.
///
/// That it overwrote nothing would be wrong: while a release is rolled out, a new process may have
/// written a pointer from the version before, and an old one, which does not know the index, may
/// have handled the event that ought to have removed it. Only a look at the versions finds it.
async fn deliver(
    writer: &IndexWriter,
    stop: Stop,
    overwrote: Overwrote,
) -> Result<Vec<String>, Problem> {
    let delivery = Delivery {
        name: ObjectName::Snapshot(stop.entity),
        generation: stop.generation,
        overwrote,
        created_at: None,
    };
    let mut problem = "the handler gave no answer".to_owned();
    for _ in 0..DELIVERIES_MAX {
        match writer.handle(std::slice::from_ref(&delivery)).await.pop() {
            Some(Ok(Disposition::Rejected(reasons))) => return Ok(reasons),
            Some(Ok(Disposition::Done | Disposition::Skipped(_))) => return Ok(Vec::new()),
            Some(Err(failure)) => problem = failure.to_string(),
            None => break,
        }
        writer.tools.pause_after_throttling().await;
    }
    Err(Problem::new(problem))
}
