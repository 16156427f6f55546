//! What values there can be at a place: types, from JSON Schemas and from values; which fits where. Knows no
//! expression and no graph.

mod describe;
mod fit;
mod meet;
mod narrow;
mod said;
mod schema;
mod shape;
mod ty;

pub use fit::{Misfit, misfit, surely_fits};
pub use narrow::{Step, place};
pub use said::says_more;
pub use shape::{Field, Fields, ListOf, Lists, Numbers, ObjectOf, Objects, Texts};
pub use ty::{Chance, Kind, Type};
