//! The parts of a server that run beside its listeners.

use std::sync::Arc;

use eqp_deliver::DeliverService;

use super::Server;
use crate::compose::alerts::{alert_service, describe_alert};
use crate::compose::listings::{CACHE, check_listings};
use crate::compose::receiver::master_key;
use crate::compose::reconcile::reconcile_service;
use crate::config::{Role, sources};

impl Server<'_> {
    /// Reconciles accounts until shutdown.
    pub(super) async fn reconcile(&self) {
        if !self.has(Role::Reconcile) {
            return;
        }
        let key = match master_key(self.database, self.data).await {
            Ok(key) => key,
            // The receiver reports why it cannot start; without one, nothing can have been sealed under a missing key.
            Err(failure) => {
                tracing::error!(error = failure.in_one_line(), "accounts are not reconciled");
                return;
            }
        };
        let marketplace = &self.context.settings.marketplace;
        let mut service = reconcile_service(marketplace, self.database, key, self.interval);
        if let Some((interval, lines)) = &self.listings {
            match check_listings(self.context, lines.clone(), self.data.path().join(CACHE)) {
                Ok(check) => service = service.check_listings(check, *interval),
                Err(failure) => tracing::error!(error = failure.in_one_line(), "listings are not checked"),
            }
        }
        Box::pin(service.run(self.stop.clone())).await;
    }

    /// Opens, updates and resolves alerts until shutdown.
    pub(super) async fn alerts(&self) {
        if !self.has(Role::Reconcile) {
            return;
        }
        Box::pin(alert_service(self.context, self.database).run(self.stop.clone())).await;
    }

    /// Delivers events to the handlers of subscriptions until shutdown.
    pub(super) async fn deliver(&self) {
        if !self.has(Role::Deliver) {
            return;
        }
        let key = match master_key(self.database, self.data).await {
            Ok(key) => key,
            Err(failure) => {
                tracing::error!(error = failure.in_one_line(), "events are not delivered");
                return;
            }
        };
        let mut service = DeliverService::new(self.database.pool().clone(), key, self.handlers.clone())
            .describe_alerts(Arc::new(describe_alert))
            .describe_products(sources(&self.context.loaded.products))
            .observer(self.database.metrics().observer());
        if let Some(time) = self.context.settings.deliver.digest_at {
            service = service.digest_time(time.0);
        }
        if let Some((file, subscriptions)) = &self.declared {
            service = service.declare(file, subscriptions.clone());
        }
        Box::pin(service.run(self.stop.clone())).await;
    }
}
