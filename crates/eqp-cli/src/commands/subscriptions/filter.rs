//! The filter of a subscription as options.

use clap::Args;
use clap::builder::PossibleValuesParser;
use eqp_deliver::SubscriptionFilter;

/// Options that choose the events and alerts of a subscription.
#[derive(Args, Debug)]
pub(crate) struct FilterOptions {
    /// Deliver events of this kind: submission, file, unknown or undecodable
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', hide_short_help = true, help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::EventKind::VALUES))]
    kinds: Vec<String>,
    /// Deliver events of this flow: overall, technical, marketing or malware
    #[arg(long = "flow", value_name = "FLOW", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(["overall", "technical", "marketing", "malware"]))]
    flows: Vec<String>,
    /// Deliver events with this status, such as approved
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',', help_heading = "Filters")]
    statuses: Vec<String>,
    /// Deliver events of this product; * matches any characters
    #[arg(long = "sku", value_name = "SKU", value_delimiter = ',', help_heading = "Filters")]
    skus: Vec<String>,
    /// Deliver events of this account: MAGE_ID, or ENVIRONMENT/MAGE_ID
    #[arg(
        long = "account",
        value_name = "ACCOUNT",
        value_delimiter = ',',
        hide_short_help = true,
        help_heading = "Filters"
    )]
    accounts: Vec<String>,
    /// Deliver events of this origin: callback, reconcile or baseline [default: callback,reconcile]
    #[arg(long = "origin", value_name = "ORIGIN", value_delimiter = ',', hide_short_help = true, help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::Origin::VALUES))]
    origins: Vec<String>,
    /// Deliver only changes of the flow that a report is about
    ///
    /// Changes of flows that the report only mentions are not delivered.
    #[arg(long, hide_short_help = true, help_heading = "Filters")]
    explicit_only: bool,
    /// Deliver only events that changed the current status, not late reports about the past
    #[arg(long, hide_short_help = true, help_heading = "Filters")]
    applied_only: bool,
    /// Also deliver alerts of these severities: page, ticket or info
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::AlertSeverity::VALUES))]
    alerts: Vec<String>,
    /// Deliver alerts and no events; without --alerts, alerts of every severity
    #[arg(long, hide_short_help = true, help_heading = "Filters",
          conflicts_with_all = ["kinds", "flows", "statuses", "skus", "origins", "explicit_only", "applied_only"])]
    alerts_only: bool,
}

impl FilterOptions {
    /// Returns the filter.
    pub(crate) fn filter(self) -> SubscriptionFilter {
        let mut filter = SubscriptionFilter::default();
        (filter.kinds, filter.flows, filter.statuses) = (self.kinds, self.flows, self.statuses);
        (filter.skus, filter.accounts, filter.origins) = (self.skus, self.accounts, self.origins);
        (filter.explicit_only, filter.applied_only) = (self.explicit_only, self.applied_only);
        (filter.alerts, filter.alerts_only) = (self.alerts, self.alerts_only);
        filter
    }
}
