//! Rules for what the files of an archive hold.

chapter! { "Code";

UNFINISHED = "unfinished", Warns by SellersGuide, needs Contents, at "php, phtml, js, xml, css, less, html, graphqls";
"No comment says TODO, @todo or FIXME, in whichever letter case.";
"Do it, or write it down somewhere else.";

SECRET_FILE = "secret-file", Warns by OwnSafety, needs Archive, at "archive";
"No file is there that stores secrets (.env, private keys, an auth.json with an access key; placeholders are none).";
"Leave it out, and change the secret if the archive was given to anybody.";

SECRET_TEXT = "secret-text", Warns by OwnSafety, needs Contents, at "every text";
"No text holds a private key or an access token.";
"Take it out, and change it: every buyer can read it.";

LAYOUT_UNCACHEABLE = "layout-uncacheable", Warns by Practice, needs Contents, at "view/frontend/layout, view/base/layout";
"No block of a storefront layout for pages that are cached is cacheable=\"false\" (checkout, account, vault and print pages are not cached anyway).";
"Load private content by customer data or AJAX: one such block keeps its whole page out of Varnish, which the store tests.";

CODE_SNIFFER = "code-sniffer", Blocks by SellersGuide, needs CodeSniffer, at "php, phtml";
"phpcs finds no error of severity 10 by the Magento2 standard, suppressions in the code put aside.";
"Mend each error; comments such as phpcs:ignore do not count.";

SEMANTIC_VERSION = "semantic-version", Warns by SellersGuide, needs SemanticVersion, at "php";
"Against the version before, nothing but a patch changed.";
"Nothing, if the version says so: it costs the short way around manual tests, and no more.";
}
