//! Recipes: definitions of webhooks for well-known services, with a few parameters.

use std::collections::BTreeMap;

use crate::{LookupDefinition, SignatureScheme, WebhookDefinition};

/// A definition of a webhook for a well-known service, whose parameters are in square brackets.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recipe {
    /// The name of the recipe.
    pub name: &'static str,
    /// A description for people: a verb and its object.
    pub description: &'static str,
    /// The parameters.
    pub parameters: &'static [RecipeParameter],
    /// The names of the secrets that must be stored, with a description.
    pub secrets: &'static [(&'static str, &'static str)],
    url: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    content_type: &'static str,
    /// Name, URL and body of each request before the message.
    lookups: &'static [(&'static str, &'static str, Option<&'static str>)],
}

/// A parameter of a recipe.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecipeParameter {
    /// The name.
    pub name: &'static str,
    /// The description.
    pub description: &'static str,
    /// The default for people, or `None` if the parameter is required.
    pub default: Option<&'static str>,
    /// The text that is inserted by default, if it differs: an expression.
    default_template: Option<&'static str>,
    form: Form,
}

/// The values that a parameter can have. None of them needs escaping in a template.
#[derive(Debug)]
enum Form {
    /// `https://` with host and path.
    Url,
    /// `owner/name`.
    Repository,
    /// A number, or names separated by slashes, which are percent-encoded.
    Project,
    /// The name of a branch or tag.
    Ref,
}

/// The reason why a recipe cannot be used with some parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A required parameter is missing.
    #[error("the parameter `{name}` is missing")]
    Missing {
        /// The name of the parameter.
        name: &'static str,
    },
    /// The recipe has no parameter of this name.
    #[error("`{name}` is not a parameter of this recipe")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// A parameter has a value that it cannot have.
    #[error("`{value}` cannot be the value of `{name}`: {expected}")]
    Invalid {
        /// The name of the parameter.
        name: &'static str,
        /// The value.
        value: String,
        /// The form that the value must have.
        expected: &'static str,
    },
}

const GITHUB_HEADERS: &[(&str, &str)] = &[
    ("accept", "application/vnd.github+json"),
    ("authorization", "Bearer {{ secrets.token }}"),
    ("x-github-api-version", "2022-11-28"),
];
const GITHUB_API: RecipeParameter = RecipeParameter {
    name: "api",
    description: "URL of the API. GitHub Enterprise Server: https://HOST/api/v3",
    default: Some("https://api.github.com"),
    default_template: None,
    form: Form::Url,
};
/// Before `api`, because its default contains that parameter.
const PRODUCT_REPOSITORY: RecipeParameter = RecipeParameter {
    name: "repository",
    description: "Repository as OWNER/NAME",
    default: Some("the repository of the product in the server's configuration"),
    default_template: Some("{{ data.repository | repository_at('[api]') }}"),
    form: Form::Repository,
};
/// The newest commit that the tag of a version contains: the tagged one. A list, because its items are small.
const GITHUB_COMMIT: (&str, &str, Option<&str>) = (
    "commit",
    "[api]/repos/[repository]/commits?sha={{ data.tag or skip('the tag of this version is not known') }}&per_page=1",
    None,
);

static RECIPES: &[Recipe] = &[
    Recipe {
        name: "generic",
        description: "Send the message as JSON, with a token in the header Authorization",
        parameters: &[RecipeParameter {
            name: "url",
            description: "URL of the service",
            default: None,
            default_template: None,
            form: Form::Url,
        }],
        secrets: &[("token", "Token that the service expects")],
        url: "[url]",
        headers: &[("authorization", "Bearer {{ secrets.token }}")],
        body: None,
        content_type: "application/json",
        lookups: &[],
    },
    Recipe {
        name: "github-dispatch",
        description: "Start the workflows of a GitHub repository that run on repository_dispatch",
        parameters: &[
            RecipeParameter {
                name: "repository",
                description: "Repository as OWNER/NAME",
                default: None,
                default_template: None,
                form: Form::Repository,
            },
            GITHUB_API,
        ],
        secrets: &[("token", "Fine-grained token with \"Contents: write\"")],
        url: "[api]/repos/[repository]/dispatches",
        headers: GITHUB_HEADERS,
        body: Some(include_str!("recipe/github_dispatch.json.jinja")),
        content_type: "application/json",
        lookups: &[],
    },
    Recipe {
        name: "github-status",
        description: "Show the status of each review at the tagged commit of the version in GitHub",
        parameters: &[PRODUCT_REPOSITORY, GITHUB_API],
        secrets: &[("token", "Fine-grained token with \"Commit statuses: write\" and \"Contents: read\"")],
        url: "[api]/repos/[repository]/statuses/{{ (responses.commit | first).sha }}",
        headers: GITHUB_HEADERS,
        body: Some(include_str!("recipe/github_status.json.jinja")),
        content_type: "application/json",
        lookups: &[GITHUB_COMMIT],
    },
    Recipe {
        name: "github-deployment",
        description: "Record a release to the store as a deployment of the tagged commit in GitHub",
        parameters: &[
            PRODUCT_REPOSITORY,
            GITHUB_API,
            RecipeParameter {
                name: "environment",
                description: "Environment of the deployment",
                default: Some("adobe-marketplace"),
                default_template: None,
                form: Form::Ref,
            },
        ],
        secrets: &[("token", "Fine-grained token with \"Deployments: write\" and \"Contents: read\"")],
        url: "[api]/repos/[repository]/deployments/{{ ((responses.existing | first) or responses.created).id }}/statuses",
        headers: GITHUB_HEADERS,
        body: Some(include_str!("recipe/github_deployment_status.json.jinja")),
        content_type: "application/json",
        lookups: &[
            (
                "commit",
                "{{ skip('the version is not in the store') if data.status != 'released_to_store' }}\
                 [api]/repos/[repository]/commits?sha={{ data.tag or skip('the tag of this version is not known') }}\
                 &per_page=1",
                None,
            ),
            // An earlier attempt may have created it.
            (
                "existing",
                "[api]/repos/[repository]/deployments?sha={{ (responses.commit | first).sha }}&task=eqp\
                 &environment=[environment]&per_page=1",
                None,
            ),
            (
                "created",
                "{% if not responses.existing %}[api]/repos/[repository]/deployments{% endif %}",
                Some(include_str!("recipe/github_deployment.json.jinja")),
            ),
        ],
    },
    Recipe {
        name: "gitlab-trigger",
        description: "Start a pipeline of a GitLab project",
        parameters: &[
            RecipeParameter {
                name: "project",
                description: "Number or path of the project, for example 4711 or acme/checkout",
                default: None,
                default_template: None,
                form: Form::Project,
            },
            RecipeParameter {
                name: "ref",
                description: "Branch or tag whose pipeline is started",
                default: Some("main"),
                default_template: None,
                form: Form::Ref,
            },
            RecipeParameter {
                name: "api",
                description: "URL of the API",
                default: Some("https://gitlab.com/api/v4"),
                default_template: None,
                form: Form::Url,
            },
        ],
        secrets: &[("token", "Pipeline trigger token")],
        url: "[api]/projects/[project]/trigger/pipeline",
        headers: &[],
        body: Some(include_str!("recipe/gitlab_trigger.form.jinja")),
        content_type: "application/x-www-form-urlencoded",
        lookups: &[],
    },
];

impl Recipe {
    /// Returns all recipes.
    ///
    /// ```
    /// let names: Vec<_> = eqp_deliver::Recipe::all().iter().map(|recipe| recipe.name).collect();
    /// assert_eq!(names, ["generic", "github-dispatch", "github-status", "github-deployment", "gitlab-trigger"]);
    /// ```
    pub fn all() -> &'static [Self] {
        RECIPES
    }

    /// Returns the recipe with a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        RECIPES.iter().find(|recipe| recipe.name == name)
    }

    /// Returns the definition of a webhook with these parameters.
    ///
    /// ```
    /// use eqp_deliver::Recipe;
    ///
    /// let recipe = Recipe::named("github-dispatch").expect("a known name");
    /// let parameters = [("repository".to_owned(), "acme/checkout".to_owned())].into();
    /// assert_eq!(recipe.definition(&parameters)?.url, "https://api.github.com/repos/acme/checkout/dispatches");
    /// # Ok::<(), eqp_deliver::RecipeError>(())
    /// ```
    ///
    /// # Errors
    /// [`RecipeError`] if a parameter is missing, unknown or invalid.
    pub fn definition(&self, parameters: &BTreeMap<String, String>) -> Result<WebhookDefinition, RecipeError> {
        if let Some(name) = parameters.keys().find(|name| self.parameters.iter().all(|known| known.name != **name)) {
            return Err(RecipeError::Unknown { name: name.clone() });
        }
        let mut values = Vec::new();
        for parameter in self.parameters {
            let default = parameter.default_template.or(parameter.default);
            let value = match (parameters.get(parameter.name), default) {
                (Some(value), _) => parameter.checked(value)?,
                (None, Some(default)) => default.to_owned(),
                (None, None) => return Err(RecipeError::Missing { name: parameter.name }),
            };
            values.push((format!("[{}]", parameter.name), value));
        }
        let filled = |text: &str| values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let headers = self.headers.iter().map(|(name, value)| ((*name).to_owned(), filled(value))).collect();
        let lookups = self.lookups.iter().map(|(name, url, body)| LookupDefinition {
            name: (*name).to_owned(),
            url: filled(url),
            body: body.map(filled),
        });
        let signature = if self.name == "generic" { SignatureScheme::Standard } else { SignatureScheme::None };
        Ok(WebhookDefinition {
            url: filled(self.url),
            signature,
            headers,
            body: self.body.map(filled),
            content_type: self.content_type.to_owned(),
            lookups: lookups.collect(),
        })
    }
}

impl RecipeParameter {
    /// Returns the value as it is inserted into templates.
    fn checked(&self, value: &str) -> Result<String, RecipeError> {
        let is_name = |text: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !text.is_empty() && text != "." && text != ".." && text.bytes().all(is_plain)
        };
        let names = value.split('/').filter(|name| is_name(name)).count();
        let all_are_names = names == value.split('/').count();
        let (is_valid, expected) = match self.form {
            Form::Repository => (all_are_names && names == 2, "it must be OWNER/NAME"),
            Form::Project => (all_are_names, "it must be the number or the path of a project"),
            Form::Ref => (all_are_names, "it must be the name of a branch or tag"),
            Form::Url => {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~:/?=&%[]".contains(&byte);
                let is_url = value.starts_with("https://") || value.starts_with("http://");
                (is_url && value.bytes().all(is_plain), "it must be a URL without special characters")
            }
        };
        if !is_valid {
            return Err(RecipeError::Invalid { name: self.name, value: value.to_owned(), expected });
        }
        Ok(match self.form {
            Form::Project => value.replace('/', "%2F"),
            Form::Url => value.trim_end_matches('/').to_owned(),
            Form::Repository | Form::Ref => value.to_owned(),
        })
    }
}
