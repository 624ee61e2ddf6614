//! What is left to do when records are written: the snapshot.

use std::time::Duration;

use domain::{Delivery, Disposition, Generation, Handler as _, ObjectName, Overwrote};
use projection::fold::Coverage;
use projection::snapshot::Stored;
use snapshot_builder::SnapshotBuilder;

use crate::append::{Appended, Current};
use crate::{Operator, Problem};

/// Between two looks whether the snapshot covers the records.
const LOOK: Duration = Duration::from_millis(250);

/// Handles the records as the snapshot-builder does.
pub(super) async fn fold(
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    written: &[(Appended, Generation)],
) -> Result<bool, Problem> {
    let created_at = Some(operator.tools.clock.now());
    let delivery = |(appended, generation): &(Appended, Generation)| {
        let name = ObjectName::History(appended.name.clone());
        Delivery { name, generation: *generation, overwrote: Overwrote::Nothing, created_at }
    };
    let deliveries: Vec<Delivery> = written.iter().map(delivery).collect();
    for outcome in builder.handle(&deliveries).await {
        match outcome {
            Ok(Disposition::Done | Disposition::Skipped(_)) => (),
            Ok(Disposition::Rejected(reasons)) => return Err(Problem::new(reasons.join("; "))),
            Err(failure) => {
                return Err(Problem::new(format!(
                    "the record is written, and is no part of the snapshot yet: {failure}"
                )));
            }
        }
    }
    operator.screen.say("the snapshot has it")?;
    Ok(true)
}

/// Waits until the snapshot covers the records.
pub(super) async fn wait(
    operator: &Operator<'_>,
    before: &Current<'_>,
    written: &[(Appended, Generation)],
    timeout: Duration,
) -> Result<bool, Problem> {
    let clock = &operator.tools.clock;
    let over_at = clock.now().after(timeout);
    loop {
        let current = Current::read(operator, &before.entity, before.definition).await?;
        if let Stored::Snapshot(folded) | Stored::Outdated(folded) = current.stored
            && written.iter().all(|(it, _)| folded.coverage(&it.record.key) == Coverage::Covered)
        {
            operator.screen.say("the snapshot has it")?;
            return Ok(true);
        }
        if clock.now() >= over_at {
            operator.screen.hint(&format!(
                "the record is written, and after {} s no snapshot has it: is the snapshot-builder \
                 fed? see `quarantine list`",
                timeout.as_secs()
            ));
            return Ok(false);
        }
        clock.sleep(LOOK).await;
    }
}
