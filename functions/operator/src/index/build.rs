//! `index build`: every snapshot of a segment, delivered to the index-writer's handler.

use domain::{Delivery, ObjectName, Overwrote, Planted};
use index_writer::IndexWriter;

use crate::derive::deliver;
use crate::job::{How, Job, Stop, What};
use crate::{Operator, Problem, Shortcut};

pub(crate) async fn run(
    operator: &Operator<'_>,
    (segment, index): (&str, &str),
    dry: bool,
    wait: bool,
) -> Result<bool, Problem> {
    let what = What { job: "index-build", segment, subject: index, by: "" };
    let job = Job::new(operator, what, How::new(operator, dry, wait));
    let writer = IndexWriter { tools: job.tools.clone(), planted: Planted::NONE };
    let overwrote = match operator.planted.has(Shortcut::VisitedAsTheFirstVersion) {
        true => Overwrote::Nothing,
        false => Overwrote::Unknown,
    };
    let walked = job.walk(|stop| visit(&writer, stop, overwrote)).await?;
    job.report(&walked)
}

/// Delivers the snapshot that was listed, as one of which nobody knows what it `overwrote`.
///
/// That it overwrote nothing would be wrong: while a release is rolled out, a new process may have
/// written a pointer from the version before, and an old one, which does not know the index, may
/// have handled the event that ought to have removed it. Only a look at the versions finds it.
async fn visit(
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
    deliver(&writer.tools, writer, &[delivery]).await
}
