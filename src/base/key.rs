//! Values as parts of cache keys, in a form that is written down here and not left to `Debug`.
//!
//! Texts and lists carry their lengths, so neighbours cannot run into each other. Structs are listed with
//! [`key_part`](crate::key_part), which takes them apart without `..`: a new field does not compile until it is in the list.

use super::digest::{Digest, Hasher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A value that takes part in cache keys.
pub trait KeyPart {
    /// Adds everything that distinguishes the value from others.
    fn add_to(&self, key: &mut Hasher);

    /// The key of this value alone.
    fn key(&self) -> Digest {
        let mut key = Hasher::default();
        self.add_to(&mut key);
        key.finish()
    }
}

/// Makes structs parts of cache keys, by the names of all their fields, and enums without fields by those of their variants.
#[macro_export]
macro_rules! key_part {
    (struct $type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::base::key::KeyPart for $type {
            fn add_to(&self, key: &mut $crate::base::digest::Hasher) {
                let Self { $($field),+ } = self;
                $(
                    key.text(stringify!($field));
                    $crate::base::key::KeyPart::add_to($field, key);
                )+
            }
        }
    };
    (enum $type:ty { $($variant:ident),+ $(,)? }) => {
        impl $crate::base::key::KeyPart for $type {
            fn add_to(&self, key: &mut $crate::base::digest::Hasher) {
                key.text(match self { $(Self::$variant => stringify!($variant)),+ });
            }
        }
    };
}

impl KeyPart for bool {
    fn add_to(&self, key: &mut Hasher) {
        key.number(u64::from(*self));
    }
}

impl KeyPart for u64 {
    fn add_to(&self, key: &mut Hasher) {
        key.number(*self);
    }
}

impl KeyPart for usize {
    fn add_to(&self, key: &mut Hasher) {
        key.number(*self as u64);
    }
}

impl KeyPart for String {
    fn add_to(&self, key: &mut Hasher) {
        key.text(self);
    }
}

impl KeyPart for Path {
    fn add_to(&self, key: &mut Hasher) {
        key.text(self.as_os_str().as_encoded_bytes());
    }
}

impl KeyPart for PathBuf {
    fn add_to(&self, key: &mut Hasher) {
        self.as_path().add_to(key);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn add_to(&self, key: &mut Hasher) {
        self.as_slice().add_to(key);
    }
}

impl<T: KeyPart> KeyPart for [T] {
    fn add_to(&self, key: &mut Hasher) {
        key.number(self.len() as u64);
        self.iter().for_each(|part| part.add_to(key));
    }
}

impl<T: KeyPart> KeyPart for Vec<T> {
    fn add_to(&self, key: &mut Hasher) {
        self.as_slice().add_to(key);
    }
}

impl<const N: usize> KeyPart for [u64; N] {
    fn add_to(&self, key: &mut Hasher) {
        self.as_slice().add_to(key);
    }
}

impl<A: KeyPart, B: KeyPart> KeyPart for (A, B) {
    fn add_to(&self, key: &mut Hasher) {
        self.0.add_to(key);
        self.1.add_to(key);
    }
}

impl<V: KeyPart> KeyPart for BTreeMap<String, V> {
    fn add_to(&self, key: &mut Hasher) {
        key.number(self.len() as u64);
        for (name, value) in self {
            name.add_to(key);
            value.add_to(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyPart;

    struct Pair {
        first: Vec<String>,
        second: Option<u64>,
    }

    key_part!(struct Pair { first, second });

    #[test]
    fn values_that_differ_have_keys_that_differ() {
        let pair = |first: &[&str], second| Pair { first: first.iter().map(ToString::to_string).collect(), second };
        let pairs = [
            pair(&[], None),
            pair(&[""], None),
            pair(&[], Some(0)),
            pair(&["ab"], None),
            pair(&["a", "b"], None),
            pair(&["b", "a"], None),
            pair(&["ab"], Some(1)),
        ];
        let keys: std::collections::BTreeSet<_> = pairs.iter().map(KeyPart::key).collect();
        assert_eq!(keys.len(), pairs.len());
        assert_eq!(pair(&["ab"], Some(1)).key(), pairs[6].key());
    }
}
