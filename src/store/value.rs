//! Values as the store binds and reads them, without a type of any database.

use crate::model::Timestamp;

/// A parameter of a statement or a column of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'v> {
    /// NULL.
    Null,
    /// A boolean. SQLite keeps it as 0 or 1.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// UTF-8 text.
    Text(&'v str),
    /// Bytes.
    Blob(&'v [u8]),
}

/// A type that can be bound as a parameter.
pub trait ToSql {
    /// The value to bind.
    fn to_sql(&self) -> Value<'_>;
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// The value as this type; none when it holds another type or is out of range.
    fn from_column(value: Value<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ToSql for $type {
            fn to_sql(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }

        impl FromColumn for $type {
            fn from_column(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Integer(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(i64, i32, u32, u16, u8);

impl ToSql for bool {
    fn to_sql(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> Value<'_> {
        Value::Integer(self.millis())
    }
}

impl ToSql for str {
    fn to_sql(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToSql for String {
    fn to_sql(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToSql for [u8] {
    fn to_sql(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToSql for Vec<u8> {
    fn to_sql(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> ToSql for [u8; N] {
    fn to_sql(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<T: ToSql + ?Sized> ToSql for &T {
    fn to_sql(&self) -> Value<'_> {
        (**self).to_sql()
    }
}

impl<T: ToSql + ?Sized> ToSql for Box<T> {
    fn to_sql(&self) -> Value<'_> {
        (**self).to_sql()
    }
}

impl<T: ToSql> ToSql for Option<T> {
    fn to_sql(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToSql::to_sql)
    }
}

impl FromColumn for bool {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(value),
            Value::Integer(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl FromColumn for String {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl FromColumn for Box<str> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.into()),
            _ => None,
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_column(value).map(Some),
        }
    }
}

/// Parameters of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::store::ToSql),*] };
}
pub(crate) use params;
