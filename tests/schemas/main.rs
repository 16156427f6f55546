//! The published schemas: sound themselves, in step with each other, and of one mind with the decoders.

mod agreement;
mod derived;
mod documents;
mod fixtures;
mod generator;
mod keywords;
mod meta;
mod verdict;
