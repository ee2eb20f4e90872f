//! How a chapter is written: one list, from which each rule gets a name in code and its place in the book.

/// `NAME = "id", Tier by Source, needs Needs, at "where"; "What it says."; "What to do.";`
macro_rules! chapter {
    ($title:literal; $(
        $name:ident = $id:literal, $tier:ident by $source:ident, needs $needs:ident, at $looks_at:literal;
        $says:literal;
        $remedy:literal;
    )*) => {
        $(pub(crate) static $name: $crate::book::Rule = $crate::book::Rule {
            id: $id,
            tier: $crate::book::Tier::$tier,
            source: $crate::book::Source::$source,
            needs: $crate::book::Needs::$needs,
            looks_at: $looks_at,
            says: $says,
            remedy: $remedy,
        };)*

        pub(crate) static CHAPTER: $crate::book::Chapter =
            $crate::book::Chapter { title: $title, rules: &[$(&$name),*] };
    };
}
