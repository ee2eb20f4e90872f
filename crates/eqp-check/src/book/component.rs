//! Rules for what makes an archive a module, a theme, a language package or a metapackage.

chapter! { "Component";

REGISTRATION = "registration", Blocks by ValidatorScript, needs Composer, at "registration.php";
"registration.php is where autoload.files says, and not empty (a metapackage needs none).";
"Add the file that registers the component.";

REGISTRATION_NAME = "registration-name", Warns by ComponentDocumentation, needs Composer, at "registration.php";
"registration.php registers the name that etc/module.xml gives the module.";
"Write the same Vendor_Module in both: Commerce does not load it otherwise.";

MODULE_XML = "module-xml", Blocks by ValidatorScript, needs Composer, at "etc/module.xml";
"A module has etc/module.xml, not empty.";
"Add it, with <module name=\"Vendor_Module\"/>.";

THEME_XML = "theme-xml", Blocks by ValidatorScript, needs Composer, at "theme.xml";
"A theme has theme.xml, not empty.";
"Add it, with title and parent.";

LANGUAGE_XML = "language-xml", Blocks by ValidatorScript, needs Composer, at "language.xml";
"A language package has language.xml, not empty.";
"Add it, with code, vendor and package.";

COMPONENT_XML = "component-xml", Blocks by SellersGuide, needs Composer, at "etc/module.xml, theme.xml, language.xml";
"The file that describes the component is well-formed XML.";
"Mend what the message names, and try it with xmllint --noout.";

METAPACKAGE_ALONE = "metapackage-alone", Warns by ComponentDocumentation, needs Composer, at "archive";
"A metapackage holds composer.json and nothing else.";
"Leave the rest out: Composer installs nothing of it.";
}
