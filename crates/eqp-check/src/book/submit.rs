//! Rules for what a submission to each review has to carry.

chapter! { "Submission";

TECHNICAL_FIELDS = "technical-fields", Blocks by ApiDocumentation, needs Technical, at "type, platform, version_compatibility, release_notes, version, documentation_artifacts";
"A submission for technical review has type, platform, version_compatibility, release_notes and version, and at least one document (user, installation or reference) unless it is a shared package.";
"Add the field to the manifest.";

USER_GUIDE = "user-guide", Warns by ApiDocumentation, needs Technical, at "documentation_artifacts.user";
"The user guide is among the documents: parts of the documentation ask for it.";
"Add it, as a PDF.";

MARKETING_FIELDS = "marketing-fields", Blocks by ApiDocumentation, needs Marketing, at "name, long_description, documentation_artifacts, categories, media_artifacts, license_type";
"A submission for marketing review has name, long_description, categories and license_type; a document, an icon and a gallery image too, unless it is a shared package.";
"Add the field to the manifest.";

CUSTOM_LICENSE = "custom-license", Blocks by ApiDocumentation, needs Marketing, at "custom_license_name, custom_license_url";
"A custom license has a name and an URL.";
"Add both, or name one of the licenses that the store knows.";
}
