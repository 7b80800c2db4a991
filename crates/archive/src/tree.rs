//! Paths as they are kept: folder and name apart, so that the files of a folder are one range of the key, and a tree is
//! one range of folders.

use crate::statement::{Statement, Value};
use terms::LogicalPath;

/// `("/a", "b")` for `/a/b`, `("", "b")` for `/b`, `("", "")` for the root.
pub(crate) fn split(path: &LogicalPath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", ""))
}

/// What stands in `folder` of the files directly in it: the path, but nothing for the root.
pub(crate) fn folder_text(path: &LogicalPath) -> &str {
    if path.is_root() { "" } else { path.as_str() }
}

/// The values `$1` folder and `$2` name: this path itself.
pub(crate) fn itself_values(path: &LogicalPath) -> Vec<Value> {
    let (folder, name) = split(path);
    vec![folder.into(), name.into()]
}

/// The values `$1`, `$2` and `$3` of [`below!`]: all below this path.
pub(crate) fn below_values(path: &LogicalPath) -> Vec<Value> {
    let folder = folder_text(path);
    // '0' is the character after '/': names with `folder/` before them lie between the two.
    vec![folder.into(), format!("{folder}/").into(), format!("{folder}0").into()]
}

/// The condition that a row is below a path. The root itself has no name, and is below nothing.
macro_rules! below {
    () => {
        "(folder = $1 OR (folder >= $2 AND folder < $3)) AND name <> ''"
    };
}
pub(crate) use below;

/// The folder of a row that is below `$1`, as it will be below `$4`; `$5` is the number of the first character to keep.
macro_rules! rebased_folder {
    () => {
        "$4 || substr(folder, CAST($5 AS INTEGER))"
    };
}
pub(crate) use rebased_folder;

/// The values `$4` and `$5` of [`rebased_folder!`].
fn rebase(from: &LogicalPath, to: &LogicalPath) -> [Value; 2] {
    // SQL counts characters, from 1.
    let kept_from = folder_text(from).chars().count() as i64 + 1;
    [folder_text(to).into(), kept_from.into()]
}

/// What to do to the trees of one table.
pub(crate) struct TreeSql {
    pub(crate) remove_itself: &'static str,
    pub(crate) remove_below: &'static str,
    pub(crate) move_itself: &'static str,
    pub(crate) move_below: &'static str,
}

macro_rules! tree_sql {
    ($table:literal) => {
        TreeSql {
            remove_itself: concat!("DELETE FROM ", $table, " WHERE folder = $1 AND name = $2"),
            remove_below: concat!("DELETE FROM ", $table, " WHERE ", below!()),
            move_itself: concat!("UPDATE ", $table, " SET folder = $3, name = $4 WHERE folder = $1 AND name = $2"),
            move_below: concat!("UPDATE ", $table, " SET folder = ", rebased_folder!(), " WHERE ", below!()),
        }
    };
}

pub(crate) const FILES: TreeSql = tree_sql!("files");
pub(crate) const PROPERTIES: TreeSql = tree_sql!("properties");

impl TreeSql {
    /// Forgets this path and all below it.
    pub(crate) fn remove(&self, path: &LogicalPath) -> [Statement; 2] {
        [Statement::new(self.remove_itself, itself_values(path)), Statement::new(self.remove_below, below_values(path))]
    }

    /// What was `from` and below is `to` and below; nothing may be there.
    pub(crate) fn rename(&self, from: &LogicalPath, to: &LogicalPath) -> [Statement; 2] {
        [
            Statement::new(self.move_itself, move_itself_values(from, to)),
            Statement::new(self.move_below, move_below_values(from, to)),
        ]
    }
}

/// `$1`, `$2` of [`itself_values`] for `from`, `$3`, `$4` the same for `to`.
pub(crate) fn move_itself_values(from: &LogicalPath, to: &LogicalPath) -> Vec<Value> {
    let mut values = itself_values(from);
    values.extend(itself_values(to));
    values
}

/// `$1` to `$3` of [`below!`] for `from`, `$4` and `$5` of [`rebased_folder!`].
pub(crate) fn move_below_values(from: &LogicalPath, to: &LogicalPath) -> Vec<Value> {
    let mut values = below_values(from);
    values.extend(rebase(from, to));
    values
}
