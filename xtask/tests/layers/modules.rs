//! Reads the modules of a crate and the imports between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, UseTree};

/// The path of a module: the names from the root of the crate.
type ModulePath = Vec<String>;

/// A path as written in a source file, such as `crate::sql::track`.
type Written = Vec<String>;

/// A module, without its tests.
#[derive(Default)]
struct Module {
    /// Every path in its source.
    paths: Vec<Written>,
    /// Re-exported names, with their paths.
    reexports: BTreeMap<String, Written>,
    /// Paths of which every name is re-exported.
    globs: Vec<Written>,
    /// Macros that contain SQL.
    sql: Vec<String>,
}

/// The modules of a crate.
pub(crate) struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    pub(crate) fn read(folder: &Path) -> Self {
        let mut read = Self { modules: BTreeMap::new() };
        let root = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file)).into_iter().find(|file| file.exists());
        read.file(&[], &root.expect("a crate has a root"), &folder.join("src"));
        read
    }

    /// Reads a file and those of its submodules, which are in `folder`.
    fn file(&mut self, path: &[String], file: &Path, folder: &Path) {
        let source = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        self.items(path, &source.items, folder);
    }

    fn items(&mut self, path: &[String], items: &[Item], folder: &Path) {
        let mut reading = Reading { module: Module::default(), submodules: Vec::new() };
        for item in items {
            reading.visit_item(item);
        }
        let Reading { module, submodules } = reading;
        self.modules.insert(path.to_vec(), module);
        for submodule in submodules {
            let name = submodule.ident.to_string();
            let path = [path, std::slice::from_ref(&name)].concat();
            let below = folder.join(&name);
            if let Some((_, items)) = &submodule.content {
                self.items(&path, items, &below);
            } else {
                let files: [PathBuf; 2] = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                let file = files.iter().find(|file| file.exists());
                self.file(&path, file.expect("a module has a file"), &below);
            }
        }
    }

    /// Returns the other crates that it uses.
    pub(crate) fn crates_used(&self) -> BTreeSet<String> {
        let paths = self.modules.values().flat_map(|module| module.paths.iter());
        paths.filter_map(|path| path.first()).cloned().collect()
    }

    /// Returns each import from one top-level module to another.
    pub(crate) fn imports(&self, from: &str, to: &str) -> Vec<String> {
        self.edges(&[])
            .into_iter()
            .filter(|((importing, imported), _)| importing == from && imported == to)
            .map(|(_, example)| example)
            .collect()
    }

    /// Returns the macros that contain SQL outside the top-level module `inside`.
    pub(crate) fn sql_outside(&self, inside: &str) -> Vec<String> {
        let outside = self.modules.iter().filter(|(path, _)| path.first().is_none_or(|first| first != inside));
        outside
            .flat_map(|(path, module)| module.sql.iter().map(|name| format!("{name}! in {}", path.join("::"))))
            .collect()
    }

    /// Returns groups of submodules of the same module that import each other, with an example for each import.
    pub(crate) fn cycles(&self) -> Vec<String> {
        let mut cycles = Vec::new();
        for parent in self.modules.keys() {
            let edges = self.edges(parent);
            for group in groups(edges.keys()) {
                let examples = edges.iter().filter(|((from, to), _)| group.contains(from) && group.contains(to));
                let examples: Vec<String> = examples.map(|(_, example)| format!("    {example}")).collect();
                cycles.push(format!("{} of `{}`\n{}", group.len(), parent.join("::"), examples.join("\n")));
            }
        }
        cycles
    }

    /// Returns the imports between the submodules of `parent`, each with an example. Imports between a module and its
    /// own submodules are ignored, because they are one unit in several files.
    fn edges(&self, parent: &[String]) -> BTreeMap<(String, String), String> {
        let mut edges = BTreeMap::new();
        let depth = parent.len();
        for (path, module) in self.modules.iter().filter(|(path, _)| path.len() > depth && path.starts_with(parent)) {
            for written in &module.paths {
                for target in self.targets(path, written, 0) {
                    if target.len() > depth && target.starts_with(parent) && target[depth] != path[depth] {
                        let example = format!("{} imports {}", path.join("::"), target.join("::"));
                        edges.entry((path[depth].clone(), target[depth].clone())).or_insert(example);
                    }
                }
            }
        }
        edges
    }

    /// Returns the modules to which a path in the module `at` leads, through all re-exports.
    fn targets(&self, at: &[String], written: &[String], depth: usize) -> Vec<ModulePath> {
        if depth > 8 {
            return Vec::new();
        }
        let Some((mut here, rest)) = absolute(at, written, |path| self.modules.contains_key(path)) else {
            return Vec::new();
        };
        for (index, name) in rest.iter().enumerate() {
            let below = [here.as_slice(), std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&below) {
                here = below;
                continue;
            }
            let module = &self.modules[&here];
            if let Some(original) = module.reexports.get(name) {
                let onward = [original.as_slice(), &rest[index + 1..]].concat();
                let targets = self.targets(&here, &onward, depth + 1);
                return if targets.is_empty() { vec![here] } else { targets };
            }
            return vec![here];
        }
        vec![here]
    }
}

/// Returns the path from the root of the crate, or `None` for a path into another crate.
fn absolute<'a>(
    at: &[String],
    written: &'a [String],
    is_module: impl Fn(&[String]) -> bool,
) -> Option<(ModulePath, &'a [String])> {
    let mut here = at.to_vec();
    let mut rest = written;
    match written.first()?.as_str() {
        "crate" => here.clear(),
        "self" => {}
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                here.pop()?;
                rest = &rest[1..];
            }
            return Some((here, rest));
        }
        name => {
            // A submodule by its bare name.
            here.push(name.to_owned());
            return is_module(&here).then(|| (here, &rest[1..]));
        }
    }
    Some((here, &rest[1..]))
}

/// Returns groups of names in which each name reaches every other.
fn groups<'a>(edges: impl Iterator<Item = &'a (String, String)>) -> Vec<BTreeSet<String>> {
    let mut reaches: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in edges {
        reaches.entry(from.clone()).or_default().insert(to.clone());
    }
    loop {
        let before: usize = reaches.values().map(BTreeSet::len).sum();
        for name in reaches.keys().cloned().collect::<Vec<_>>() {
            let further: BTreeSet<String> =
                reaches[&name].iter().filter_map(|next| reaches.get(next)).flatten().cloned().collect();
            reaches.get_mut(&name).unwrap().extend(further);
        }
        if reaches.values().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    let mut groups = BTreeSet::new();
    for (name, reached) in &reaches {
        if reached.contains(name) {
            let back = reached.iter().filter(|other| reaches.get(*other).is_some_and(|others| others.contains(name)));
            groups.insert(back.cloned().collect::<BTreeSet<String>>());
        }
    }
    groups.into_iter().collect()
}

/// Collects the contents of a module.
struct Reading {
    module: Module,
    submodules: Vec<ItemMod>,
}

impl<'ast> Visit<'ast> for Reading {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_for_tests) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.submodules.push(module.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let exports = !matches!(item.vis, syn::Visibility::Inherited);
        let mut written = Vec::new();
        leaves(&item.tree, &mut Vec::new(), &mut written);
        for (path, name) in written {
            match name {
                Some(name) if exports => drop(self.module.reexports.insert(name, path.clone())),
                None if exports => self.module.globs.push(path.clone()),
                _ => {}
            }
            // A re-export counts where the name is used.
            if !exports {
                self.module.paths.push(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Written = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.module.paths.push(names);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        let name = found.path.segments.last().unwrap().ident.to_string();
        if name.starts_with("query") || name == "migrate" {
            self.module.sql.push(name);
        }
        syn::visit::visit_macro(self, found);
    }
}

/// Collects the single paths of a `use`, each with its local name, which is `None` for `*`.
fn leaves(tree: &UseTree, before: &mut Written, found: &mut Vec<(Written, Option<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.clone(), before.last().cloned()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push(([before.as_slice(), std::slice::from_ref(&name)].concat(), Some(name)));
        }
        UseTree::Rename(renamed) => {
            let mut path = before.clone();
            if renamed.ident != "self" {
                path.push(renamed.ident.to_string());
            }
            found.push((path, Some(renamed.rename.to_string())));
        }
        UseTree::Glob(_) => found.push((before.clone(), None)),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, found);
            }
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    }
}
