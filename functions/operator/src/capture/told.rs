//! What waits in a subscription: the entities that it is about, and the deliveries themselves.

use std::time::Duration;

use cloud_run::notification;
use domain::ObjectName;
use serde_json::json;

use super::folder::Folder;
use super::{Captured, history};
use crate::google::Services;
use crate::{Operator, Problem};

/// How long deliveries are kept from others should this process die.
const LEASE: Duration = Duration::from_secs(300);

/// The most messages of one pull.
const PULLED_MAX: usize = 100;

/// Captures the entities that at most `limit` deliveries of `subscription` are about, each of which
/// is delivered once more at the end. All are released, whatever happens.
pub(super) async fn all(
    operator: &Operator<'_>,
    services: &Services,
    (subscription, limit): (&str, u32),
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    let found = services.subscription(subscription).await?;
    let found = found.ok_or_else(|| {
        let project = &services.project;
        Problem::new(format!("there is no subscription {subscription} in project {project}"))
    })?;
    if crate::pause::pushed(&found).is_some() {
        return Err(Problem::new(format!(
            "{subscription} is pushed to a function, and gives nothing to anybody else: `pause` it, \
             or name that of its dead letters"
        )));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut leased, mut messages) = (Vec::new(), Vec::new());
    let pulled = async {
        while messages.len() < limit {
            let wanted = (limit - messages.len()).min(PULLED_MAX);
            let received = services.pull(subscription, wanted).await?;
            if received.is_empty() {
                break;
            }
            let ids: Vec<String> = received.iter().map(|it| it.ack_id.clone()).collect();
            leased.extend(ids.iter().cloned());
            services.lease(subscription, &ids, LEASE).await?;
            messages.extend(received.into_iter().map(|it| it.message));
        }
        Ok::<_, Problem>(())
    }
    .await;
    // They have been read: nothing more is done with them.
    let released = services.lease(subscription, &leased, Duration::ZERO).await;
    pulled?;
    released?;
    for message in messages {
        folder.delivery(&message)?;
        let body = json!({ "message": message }).to_string();
        let about = match notification(body.as_bytes()) {
            Ok(about) => about,
            Err(malformed) => {
                captured.left_out.push(format!("a message: {malformed}"));
                continue;
            }
        };
        let name = ObjectName::parse(&about.object).ok();
        match name.as_ref().and_then(ObjectName::entity) {
            Some(entity) if entity.env == operator.env => {
                history::entity(operator, entity, |_| true, folder, captured).await?;
                captured.told.push(about.object);
            }
            _ => captured.left_out.push(format!("{}: it is about no entity", about.object)),
        }
    }
    Ok(())
}
