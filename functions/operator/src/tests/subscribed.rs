//! A project with the subscriptions of an environment, in the emulator.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use domain::{Env, Planted};
use emulator::{
    DeadLetterPolicy, Emulator, Memory, Notification, OidcToken, Options, Push, Subscription,
};
use serde_json::Value;
use store::Tools;

use super::{BY_STATUS, Printed, definitions, release};
use crate::google::{Project, Services};
use crate::{Cli, Google, Operator, Problem, Screen, Service, perform, subscriptions};

/// The project of names that the emulator is given without one.
const PROJECT: &str = "local";

/// How often a message is tried.
const ATTEMPTS_MAX: u32 = 5;

pub(super) struct Subscribed {
    pub(super) emulator: Emulator,
    pub(super) bucket: Arc<Memory>,
    pub(super) tools: Tools,
    pub(super) google: Google,
}

impl Subscribed {
    /// Nobody is pushed to: what is published waits for [`Subscribed::give_up`].
    pub(super) async fn start() -> Self {
        Self::with(|_| None).await
    }

    /// The subscriptions of functions push as `push` says.
    pub(super) async fn with(push: impl Fn(&str) -> Option<Push>) -> Self {
        let emulator = Emulator::start(Options::default()).await.unwrap();
        let bucket = emulator.create_bucket("test").unwrap();
        emulator.notify("test", Notification::finalized("dev-changes", "env/dev/")).unwrap();
        let snapshots = Notification::finalized("dev-snapshots", "env/dev/snapshots/");
        emulator.notify("test", snapshots).unwrap();
        let tools = release(bucket.clone(), &definitions(&["1.0.0"], BY_STATUS));
        for it in subscriptions(Env::Dev, &tools) {
            let of_history = it.function == "snapshot-builder";
            let topic = if of_history { "dev-changes" } else { "dev-snapshots" };
            let dead = Subscription::new(&it.dead(), &it.dead());
            emulator.subscribe(dead).unwrap();
            let policy = DeadLetterPolicy { topic: it.dead(), attempts_max: ATTEMPTS_MAX };
            let own = Subscription::new(&it.name, topic);
            let push = push(&it.name);
            emulator.subscribe(Subscription { push, dead_letter: Some(policy), ..own }).unwrap();
        }
        let google = Google::default().at(Service::PubSub, &emulator.url()).of(PROJECT);
        Self { emulator, bucket, tools, google }
    }

    pub(super) fn services(&self) -> Services {
        self.google.open(&Project::default(), &self.tools).unwrap()
    }

    /// Refuses everything in `subscription` as often as it may be.
    pub(super) async fn give_up(&self, subscription: &str) {
        let services = self.services();
        for _ in 0..ATTEMPTS_MAX {
            let received = services.pull(subscription, 100).await.unwrap();
            let ids: Vec<String> = received.into_iter().map(|it| it.ack_id).collect();
            assert!(!ids.is_empty(), "nothing waits in {subscription}");
            services.lease(subscription, &ids, Duration::ZERO).await.unwrap();
        }
    }

    /// The ids of the messages that can be pulled from `subscription`, which are put back.
    pub(super) async fn waiting(&self, subscription: &str) -> Vec<String> {
        let services = self.services();
        let received = services.pull(subscription, 1000).await.unwrap();
        let (ids, mut messages): (Vec<_>, Vec<_>) = received
            .into_iter()
            .map(|it| (it.ack_id, it.message["messageId"].as_str().unwrap().to_owned()))
            .unzip();
        services.lease(subscription, &ids, Duration::ZERO).await.unwrap();
        messages.sort();
        messages
    }

    pub(super) async fn subscription(&self, name: &str) -> Value {
        self.services().subscription(name).await.unwrap().unwrap()
    }

    /// Runs a command line: whether it ended well, and what it said.
    pub(super) async fn run(&self, line: &str) -> (Result<bool, Problem>, String) {
        self.run_with(&self.tools, &self.google, line).await
    }

    pub(super) async fn run_with(
        &self,
        tools: &Tools,
        google: &Google,
        line: &str,
    ) -> (Result<bool, Problem>, String) {
        let words = ["operator"].into_iter().chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let (said, aside) = (Printed::default(), Printed::default());
        let screen = Screen::on(said.clone(), aside.clone());
        let tools = tools.clone();
        let (user, planted) = (Some("ada".to_owned()), Planted::NONE);
        let operator = Operator { tools, env: Env::Dev, user, google, screen: &screen, planted };
        let ended = perform(&cli.command, operator).await;
        (ended, said.text() + &aside.text())
    }
}

/// A push to nobody, with everything that a push can have.
pub(super) fn push(subscription: &str) -> Push {
    Push {
        endpoint: format!("http://127.0.0.1:1/{subscription}"),
        oidc: Some(OidcToken {
            service_account_email: "dev-push@local.iam.gserviceaccount.com".to_owned(),
            audience: "https://service".to_owned(),
        }),
        no_wrapper: None,
        attributes: [("x-goog-version".to_owned(), "v1".to_owned())].into(),
    }
}
