//! Typed access to a completed table by the names of its keys.

use crate::error::Result;
use crate::scenario::key::{Default, Key, Kind};
use crate::scenario::node::{Entry, Node, Value};

/// A table of the tree beside its keys.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub node: &'a Node,
    pub keys: &'static [Key],
}

impl<'a> Section<'a> {
    pub fn key(&self, name: &str) -> &'static Key {
        let key = self.keys.iter().find(|key| key.name == name);
        key.unwrap_or_else(|| panic!("no key `{name}` in the table of keys"))
    }

    pub fn optional(&self, name: &str) -> Option<&'a Node> {
        debug_assert!(matches!(self.key(name).default, Default::Unset(_)));
        self.node.get(name)
    }

    pub fn node(&self, name: &str) -> &'a Node {
        let node = self.node.get(name);
        node.unwrap_or_else(|| panic!("`{name}` has no default, is not required, or not completed"))
    }

    pub fn table(&self, name: &str) -> Section<'a> {
        match self.key(name).kind {
            Kind::Table(keys) => Section {
                node: self.node(name),
                keys,
            },
            kind => panic!("`{name}` is not a table but {kind:?}"),
        }
    }

    pub fn number_of(&self, name: &str, node: &Node) -> Result<f64> {
        match self.key(name).kind {
            Kind::Number(interval, unit) => node.number(interval, unit),
            kind => panic!("`{name}` is not a number but {kind:?}"),
        }
    }

    pub fn number(&self, name: &str) -> Result<f64> {
        self.number_of(name, self.node(name))
    }

    pub fn optional_number(&self, name: &str) -> Result<Option<f64>> {
        let node = self.optional(name);
        node.map(|node| self.number_of(name, node)).transpose()
    }

    pub fn whole(&self, name: &str) -> Result<u64> {
        match self.key(name).kind {
            Kind::Whole(low, high, unit) => self.node(name).whole(low, high, unit),
            kind => panic!("`{name}` is not a whole number but {kind:?}"),
        }
    }

    /// A whole number whose range in the table of keys fits.
    pub fn small(&self, name: &str) -> Result<u32> {
        let whole = self.whole(name)?;
        u32::try_from(whole).map_err(|_| self.node(name).error("too large"))
    }

    pub fn text(&self, name: &str) -> Result<String> {
        self.node(name).text().map(str::to_owned)
    }

    /// The whole number of a key that may also be a choice; `None` where it is one.
    pub fn whole_or(&self, name: &str) -> Option<u64> {
        match self.node(name).value {
            Value::Whole(Some(whole)) => u64::try_from(whole).ok(),
            _ => None,
        }
    }

    pub fn choice(&self, name: &str) -> (&'a str, Section<'a>) {
        picked(self.node(name), self.key(name).kind)
    }
}

/// The name of a choice and the table of its parameters.
pub(super) fn picked(node: &Node, kind: Kind) -> (&str, Section<'_>) {
    let (Some(choices), Value::Table(entries)) = (kind.choices(), &node.value) else {
        panic!("not a completed choice: {kind:?}");
    };
    let Entry { name, node, .. } = &entries[0];
    let choice = choices.iter().find(|choice| choice.is_called(name));
    let keys = choice.map_or(&[][..], |choice| choice.parameters);
    (name, Section { node, keys })
}

/// For a name that the table of keys has and the code does not.
pub(super) fn not_built(key: &str, name: &str) -> ! {
    unreachable!("the table of keys offers `{name}` for {key}, which nothing builds")
}
