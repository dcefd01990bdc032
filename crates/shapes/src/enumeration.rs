//! The enumerations of the models as closed Rust enums.

/// The text is not one of the enumeration's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a value of this enumeration")]
pub struct UnknownValue;

/// Declares an enumeration and everything that reads and writes its values.
macro_rules! enumeration {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`.")]
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the model's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const NAMES: &'static [&'static str] = &[$($text,)+];

            /// The value as AWS writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownValue),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::FromTree for $name {
            type Rule = ();

            fn from_tree(
                tree: &$crate::Tree<'_>,
                (): &(),
                cx: &mut $crate::Context,
                at: &$crate::Path<'_>,
            ) -> Result<Option<Self>, $crate::ReadError> {
                $crate::read::enumeration(tree, Self::NAMES, cx, at)
            }

            fn constraints((): &()) -> Option<Vec<String>> {
                Some(vec![$crate::constraint::enum_text(Self::NAMES)])
            }
        }
    };
}

pub(crate) use enumeration;
