//! The steps until the first callback arrives from Adobe, as `eqp status` and `eqp doctor` list them.

use eqp_console::SetupStep;

/// Returns the steps with their states. There must be at least one.
pub(crate) fn checklist(steps: &[SetupStep]) -> String {
    let lines = steps.iter().zip(1..).map(|(step, number)| format!("  {number} {step}"));
    std::iter::once("BEFORE GO-LIVE".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}
