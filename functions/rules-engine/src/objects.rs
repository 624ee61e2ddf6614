//! The objects of alerts, which whoever comes first writes.

use domain::{BoxFuture, EntityRef, ObjectName, ascii};
use futures_util::future::try_join_all;
use projection::source::key;
use rules::state::Alert;
use store::{Error, Metadata};

use crate::{RulesEngine, Shortcut, UNWRITTEN, View};

/// How many alerts are written at the same time.
const WRITES_AT_ONCE: usize = 16;

impl RulesEngine {
    /// Writes the alerts that the state notes as perhaps unwritten.
    pub(crate) async fn write_noted_alerts(&self, view: &View, kind: &str) -> Result<(), Error> {
        let by_opener_only = self.planted.has(Shortcut::AlertByOpenerOnly);
        let version = view.note(UNWRITTEN).filter(|_| !by_opener_only);
        let opened = view.state.open.iter().filter(|alert| {
            alert.is_told() && version.is_some_and(|version| alert.generation() == version)
        });
        let told = view.state.told.iter().filter(|_| !self.planted.has(Shortcut::ToldForgotten));
        let entity = &view.source.entity;
        // Not what somebody else has put there.
        let ours = opened.chain(told).filter(|alert| alert.is_genuine(entity, kind));
        let alerts: Vec<Alert> = ours.cloned().collect();
        self.write_alerts(&alerts, entity).await
    }

    pub(crate) async fn write_alerts(
        &self,
        alerts: &[Alert],
        entity: &EntityRef,
    ) -> Result<(), Error> {
        for chunk in alerts.chunks(WRITES_AT_ONCE) {
            let mut writes: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::new();
            for alert in chunk {
                writes.push(Box::pin(self.write_alert(alert, entity)));
            }
            try_join_all(writes).await?;
        }
        Ok(())
    }

    pub(crate) async fn write_alert(&self, alert: &Alert, entity: &EntityRef) -> Result<(), Error> {
        let metadata = self.alert_metadata(alert, entity);
        let mut name = alert.name(entity);
        if let ObjectName::Alert { alert_id, .. } = &mut name
            && self.planted.has(Shortcut::RandomAlertIds)
        {
            *alert_id = self.tools.ids.ulid(self.tools.clock.now());
        }
        // Where it is there already, its id says that it is this very alert.
        self.tools.create(&name, alert.line(), &metadata).await.map(drop)
    }

    pub(crate) fn alert_metadata(&self, alert: &Alert, entity: &EntityRef) -> Metadata {
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        let mut metadata = self.tools.version.metadata();
        metadata.insert(key::NAME.to_owned(), ascii::encode(&snapshot));
        metadata.insert(key::GENERATION.to_owned(), alert.generation().to_owned());
        metadata
    }
}
