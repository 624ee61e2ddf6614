//! One push, from its body to its status.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use domain::limits::HANDLER_BUDGET;
use domain::{Class, Disposition, Failure, Handler, Outcome};
use futures_util::future::{Either, select};
use store::Tools;

#[cfg(feature = "planted-bugs")]
use crate::CoalescerShortcut;
use crate::admission::{Admission, admit};
use crate::coalesce::Coalescer;
use crate::decode::{self, Malformed, Notification};
use crate::log::Line;
use crate::trace::Trace;
use crate::{answer, quarantine};

/// Runs the handler of one function. Needs no particular runtime: it waits on the clock of its
/// tools.
pub struct Runner {
    function: &'static str,
    bucket: String,
    project: Option<String>,
    fed_with: &'static [Class],
    tools: Tools,
    coalescer: Coalescer,
    budget: Duration,
}

impl Runner {
    /// Puts `handler` behind pushes to `function` about objects of `bucket`.
    pub fn new(
        function: &'static str,
        bucket: &str,
        tools: Tools,
        handler: Arc<dyn Handler>,
    ) -> Self {
        Self {
            function,
            bucket: bucket.to_owned(),
            project: None,
            fed_with: handler.fed_with(),
            tools,
            coalescer: Coalescer::new(handler),
            budget: HANDLER_BUDGET,
        }
    }

    /// Names the project that traces in log lines belong to.
    pub(crate) fn with_project(mut self, project: Option<String>) -> Self {
        self.project = project;
        self
    }

    /// Lets deliveries to `handler` stand in line as `bug` has it.
    #[cfg(feature = "planted-bugs")]
    pub fn with_bug(mut self, handler: Arc<dyn Handler>, bug: CoalescerShortcut) -> Self {
        self.coalescer = Coalescer::with_bug(handler, bug);
        self
    }

    /// Replaces the handler's budget.
    #[cfg(test)]
    pub(crate) fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Handles one push whose body was received, outside of any trace, and returns the status of
    /// its answer.
    pub async fn answer(&self, body: &[u8]) -> u16 {
        self.push(Ok(body), None).await.as_u16()
    }

    /// Handles one push whose body was received and says how it ended, with no log line: for jobs,
    /// which tell a person. What is rejected has its note in quarantine then.
    ///
    /// # Errors
    ///
    /// A body that is no notification.
    pub async fn outcome(&self, body: &[u8]) -> Result<Outcome, Malformed> {
        Ok(self.bounded(&decode::notification(body)?).await)
    }

    /// Handles one push and returns the status of its answer.
    ///
    /// A body that is no notification is not acknowledged: there is no object to quarantine, but
    /// after the attempts of its subscription the message lies in the dead-letter topic, and
    /// nothing is lost. `body` is the status to answer instead when it could not be received.
    pub(crate) async fn push(
        &self,
        body: Result<&[u8], StatusCode>,
        trace: Option<Trace>,
    ) -> StatusCode {
        let mut line = Line::begin(self.function, trace, self.project.as_deref());
        let body = match body {
            Ok(body) => body,
            Err(status) => return line.malformed(Malformed::Body, status),
        };
        let notification = match decode::notification(body) {
            Ok(notification) => notification,
            Err(malformed) => return line.malformed(malformed, StatusCode::BAD_REQUEST),
        };
        line.about(&notification);
        let outcome = self.bounded(&notification).await;
        line.end(&outcome);
        answer::status(&outcome)
    }

    /// The budget covers everything: the wait for others of the same entity, the batch, and the
    /// note in quarantine. Only so has the attempt ended before Cloud Run cuts it off.
    async fn bounded(&self, notification: &Notification) -> Outcome {
        let settled = Box::pin(self.settle(notification));
        match select(settled, self.tools.clock.sleep(self.budget)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Failure::Retry("handler budget is used up".to_owned())),
        }
    }

    async fn settle(&self, notification: &Notification) -> Outcome {
        let disposition = match admit(notification, &self.bucket, self.fed_with) {
            Admission::Handle(delivery) => self.coalescer.handle(delivery).await?,
            Admission::Skip(reason) => Disposition::Skipped(reason),
            Admission::Reject(reason) => Disposition::Rejected(vec![reason]),
        };
        if let Disposition::Rejected(reasons) = &disposition {
            let version = notification.version();
            quarantine::quarantine(&self.tools, self.function, version, reasons).await?;
        }
        Ok(disposition)
    }
}
