mod figures;
mod order;
mod words;
