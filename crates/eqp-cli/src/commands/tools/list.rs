//! `eqp tools list`: shows the installed tools, and whether they work.

use clap::Args;
use eqp_release::tools::{InstalledTool, PINNED_STANDARD, Php, ToolFolder};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, escaped};
use crate::shutdown;

/// Show the installed code sniffer, and run it to see whether it works
///
/// Compares all its files with the hash of the installation, and runs it once. The exit code is 0 even if it does not work.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp tools list
  eqp tools list --json | jq -e '.tools[].works'")]
pub(crate) struct List {}

/// The tools as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ToolList {
    /// The version of the Magento coding standard that `eqp tools install` installs by default.
    pinned_standard: String,
    /// The installed tools.
    tools: Vec<ToolState>,
}

/// An installed tool and whether it works.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ToolState {
    #[serde(flatten)]
    installed: InstalledTool,
    /// Whether its files are unchanged and it runs.
    works: bool,
    /// The reason why it does not work, or may give other results than the store.
    problem: Option<String>,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let stop = shutdown::requested();
        let folder = ToolFolder::new(context.settings.data.look()?.tools());
        let mut tools = Vec::new();
        if let Some(installed) = folder.installed()? {
            let probed = folder.probe(&stop).await;
            let standard = installed.standard.as_deref().and_then(|standard| standard.parse().ok());
            let php = Php { program: installed.php.clone(), version: installed.php_version.clone() };
            let problem = match &probed {
                Ok(()) => php.why_unsuitable(standard),
                Err(error) => Some(error.to_string()),
            };
            tools.push(ToolState { installed, works: probed.is_ok(), problem });
        }
        if context.output.is_json() {
            return context.output.json(&ToolList { pinned_standard: PINNED_STANDARD.to_string(), tools });
        }
        if tools.is_empty() {
            context.output.note("no tool is installed; to install the store's code sniffer: eqp tools install");
            return Ok(());
        }
        let mut table = Table::new(&["tool", "version", "phpcs", "php", "source", "works"]);
        for ToolState { installed, works, .. } in &tools {
            table.row([
                installed.tool.clone(),
                installed.standard.clone().unwrap_or_else(|| "-".to_owned()),
                installed.phpcs.clone(),
                installed.php_version.clone(),
                installed.source.clone(),
                if *works { "yes" } else { "no" }.to_owned(),
            ]);
        }
        context.output.line(table)?;
        for problem in tools.iter().filter_map(|tool| tool.problem.as_deref()) {
            context.output.note(escaped(problem));
        }
        if tools.iter().any(|tool| !tool.works) {
            context.output.note("to install it again: eqp tools install");
        }
        Ok(())
    }
}
