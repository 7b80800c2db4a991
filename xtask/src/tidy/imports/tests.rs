use super::{File, Graph, check, graph};

const TABLE: &str = "\
# House

| crate | from us | never |
|---|---|---|
| terms | – | behaviour |
| net | terms | knowing a job |
| port | `terms`, net (its sockets) | the rest |
| daemon | all above but port | being imported |
| xtask, bench | what they test | being imported |

After the table.
";

fn page(text: &str) -> Vec<File> {
    vec![File { path: "ARCHITECTURE.md".to_owned(), text: text.to_owned() }]
}

fn house(edges: &[(&str, &[&str])]) -> Graph {
    edges
        .iter()
        .map(|(name, imports)| ((*name).to_owned(), imports.iter().map(|i| (*i).to_owned()).collect()))
        .collect()
}

const TRUE_TO_THE_TABLE: &[(&str, &[&str])] = &[
    ("terms", &[]),
    ("net", &["terms"]),
    ("port", &["terms", "net"]),
    ("daemon", &["net"]),
    ("xtask", &[]),
    ("bench", &["port", "daemon"]),
];

/// The house as in the table, but for one crate.
fn house_but(name: &str, imports: &[&str]) -> Graph {
    let mut house = house(TRUE_TO_THE_TABLE);
    house.insert(name.to_owned(), imports.iter().map(|i| (*i).to_owned()).collect());
    house
}

fn whats(page: &[File], graph: &Graph) -> Vec<String> {
    check(page, graph).into_iter().map(|finding| finding.what).collect()
}

#[test]
fn a_house_as_in_the_table_passes() {
    assert_eq!(whats(&page(TABLE), &house(TRUE_TO_THE_TABLE)), Vec::<String>::new());
}

#[test]
fn an_import_that_the_row_does_not_allow_is_found() {
    let found = whats(&page(TABLE), &house_but("terms", &["net"]));
    assert_eq!(found, ["terms imports net, which its row does not allow"]);
    let found = whats(&page(TABLE), &house_but("daemon", &["port"]));
    assert_eq!(found, ["daemon imports port, which its row does not allow"]);
}

#[test]
fn an_import_that_is_promised_and_not_made_is_found() {
    let found = whats(&page(TABLE), &house_but("port", &["terms"]));
    assert_eq!(found, ["port does not import net, though its row says so"]);
}

#[test]
fn nothing_imports_what_only_tests() {
    let found = whats(&page(TABLE), &house_but("bench", &["xtask"]));
    assert_eq!(found, ["bench imports xtask, which its row does not allow"]);
}

#[test]
fn crates_without_a_row_and_rows_without_a_crate_are_found() {
    let found = whats(&page(TABLE), &house_but("lab", &[]));
    assert_eq!(found, ["lab has no row in the table of who may import whom"]);
    let mut house = house(TRUE_TO_THE_TABLE);
    house.remove("daemon");
    assert_eq!(whats(&page(TABLE), &house), ["daemon is in the table and not in the house"]);
}

#[test]
fn a_page_without_the_table_is_found() {
    assert_eq!(check(&page("# House\n"), &house(TRUE_TO_THE_TABLE)).len(), 1);
    assert_eq!(check(&[], &house(TRUE_TO_THE_TABLE)).len(), 1);
}

#[test]
fn cargo_metadata_is_read() {
    let text = r#"{"packages":[
        {"name":"terms","dependencies":[{"name":"serde"}]},
        {"name":"net","dependencies":[{"name":"terms","kind":null},{"name":"hyper","kind":null}]}]}"#;
    assert_eq!(graph(text), Some(house(&[("terms", &[]), ("net", &["terms"])])));
    assert_eq!(graph("{}"), None);
}
