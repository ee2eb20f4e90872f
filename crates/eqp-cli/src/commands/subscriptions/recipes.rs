//! `eqp subscriptions recipes`.

use clap::Args;
use eqp_deliver::Recipe;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Result;

/// List recipes, which are webhooks for GitHub, GitLab and similar services
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions recipes
  eqp subscriptions add ci --recipe github-status --secret token=token-file
  eqp subscriptions add ci --recipe gitlab-trigger --set project=acme/checkout \\
      --secret token=trigger-token")]
pub(crate) struct Recipes {}

/// The recipes as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RecipeList {
    /// The recipes.
    recipes: Vec<ListedRecipe>,
}

/// A recipe.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListedRecipe {
    /// The value of --recipe.
    name: &'static str,
    /// The description: a verb and its object.
    description: &'static str,
    /// The parameters, for --set.
    parameters: Vec<Parameter>,
    /// The secrets that must be given with --secret.
    secrets: Vec<RequiredSecret>,
}

/// A parameter of a recipe.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Parameter {
    /// The name.
    name: &'static str,
    /// The description.
    description: &'static str,
    /// The default; null if the parameter is required.
    default: Option<&'static str>,
}

/// A secret of a recipe.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RequiredSecret {
    /// The name.
    name: &'static str,
    /// The description.
    description: &'static str,
}

impl Recipes {
    #[expect(clippy::unused_async, reason = "all commands run in the same way")]
    pub(crate) async fn run(self, context: &Context) -> Result {
        let output = context.output;
        if output.is_json() {
            return output.json(&RecipeList { recipes: Recipe::all().iter().map(listed).collect() });
        }
        for (number, recipe) in Recipe::all().iter().enumerate() {
            if number > 0 {
                output.line("")?;
            }
            output.line(format_args!("{}  {}", recipe.name, recipe.description))?;
            for one in recipe.parameters {
                let default = one.default.map_or("required".to_owned(), |default| format!("default: {default}"));
                output.line(format_args!("  --set {}=…  {} ({default})", one.name, one.description))?;
            }
            for (name, description) in recipe.secrets {
                output.line(format_args!("  --secret {name}=FILE  {description}"))?;
            }
        }
        Ok(())
    }
}

fn listed(recipe: &Recipe) -> ListedRecipe {
    let parameters = recipe.parameters.iter().map(|one| Parameter {
        name: one.name,
        description: one.description,
        default: one.default,
    });
    let secrets = recipe.secrets.iter().map(|&(name, description)| RequiredSecret { name, description });
    ListedRecipe {
        name: recipe.name,
        description: recipe.description,
        parameters: parameters.collect(),
        secrets: secrets.collect(),
    }
}
