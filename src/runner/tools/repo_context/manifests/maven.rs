//! `pom.xml`

use roxmltree::{Document, Node};

use super::found::{Command, Dependency, Fault, Manifest};

pub(super) fn read(text: &str) -> Result<Manifest, Fault> {
    let document =
        Document::parse(text).map_err(|error| Fault::at(u64::from(error.pos().row), error.to_string()))?;
    let project = document.root_element();
    if project.tag_name().name() != "project" {
        return Err(Fault::at(line_of(project), "it is no `<project>`"));
    }
    let parent = child(project, "parent");
    let version = text_of(project, "version").or_else(|| text_of(parent?, "version"));
    let licence = child(project, "licenses").and_then(|licences| child(licences, "license"));
    let line = child(project, "artifactId").map_or(1, line_of);
    let managed = child(project, "dependencyManagement");
    let mut dependencies = dependencies(child(project, "dependencies"), "normal");
    dependencies.extend(self::dependencies(managed.and_then(|node| child(node, "dependencies")), "managed"));
    Ok(Manifest {
        name: text_of(project, "artifactId").unwrap_or_default(),
        version: version.unwrap_or_default(),
        description: text_of(project, "description").unwrap_or_default(),
        licence: licence.and_then(|licence| text_of(licence, "name")).unwrap_or_default(),
        licence_line: licence.and_then(|licence| child(licence, "name")).map_or(0, line_of),
        line,
        members: children(child(project, "modules"), "module").filter_map(own_text).collect(),
        dependencies,
        commands: ["package", "test"].map(|goal| command(goal, line)).into(),
        ..Manifest::default()
    })
}

fn command(goal: &str, line: u64) -> Command {
    let purpose = if goal == "test" { "test" } else { "build" };
    Command { purpose, command: format!("mvn {goal}"), line }
}

fn dependencies(list: Option<Node<'_, '_>>, scope: &str) -> Vec<Dependency> {
    let dependency = |node: Node<'_, '_>| {
        let name = text_of(node, "artifactId")?;
        Some(Dependency {
            name: text_of(node, "groupId").map_or(name.clone(), |group| format!("{group}:{name}")),
            requirement: text_of(node, "version").unwrap_or_default(),
            scope: text_of(node, "scope").unwrap_or_else(|| scope.to_owned()),
            line: child(node, "artifactId").map_or(1, line_of),
        })
    };
    children(list, "dependency").filter_map(dependency).collect()
}

fn children<'a, 'd: 'a>(
    node: Option<Node<'a, 'd>>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'd>> {
    node.into_iter().flat_map(|node| node.children()).filter(move |child| child.tag_name().name() == name)
}

fn child<'a, 'd: 'a>(node: Node<'a, 'd>, name: &'static str) -> Option<Node<'a, 'd>> {
    children(Some(node), name).next()
}

fn text_of(node: Node<'_, '_>, name: &'static str) -> Option<String> {
    own_text(child(node, name)?)
}

fn own_text(node: Node<'_, '_>) -> Option<String> {
    let text = node.text()?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn line_of(node: Node<'_, '_>) -> u64 {
    u64::from(node.document().text_pos_at(node.range().start).row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POM: &str = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <parent><groupId>g</groupId><artifactId>above</artifactId><version>7</version></parent>
  <artifactId>own</artifactId>
  <description>Two
    lines.</description>
  <modules><module>core</module></modules>
  <dependencyManagement><dependencies>
    <dependency><groupId>m</groupId><artifactId>n</artifactId><version>1</version></dependency>
  </dependencies></dependencyManagement>
  <dependencies>
    <!-- <dependency><artifactId>gone</artifactId></dependency> -->
    <dependency>
      <groupId>j</groupId>
      <artifactId>junit</artifactId>
      <scope>test</scope>
      <exclusions><exclusion><artifactId>not-this</artifactId></exclusion></exclusions>
    </dependency>
  </dependencies>
  <build><plugins><plugin><artifactId>nor-this</artifactId></plugin></plugins></build>
</project>";

    #[test]
    fn what_is_the_projects_own_is_told_from_its_parents_and_its_plugins() {
        let manifest = read(POM).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.line), ("own", 3));
        assert_eq!((manifest.version.as_str(), manifest.description.as_str()), ("7", "Two lines."));
        assert_eq!(manifest.members, ["core"]);
        let found: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|one| (one.name.as_str(), one.requirement.as_str(), one.scope.as_str(), one.line))
            .collect();
        assert_eq!(found, [("j:junit", "", "test", 14), ("m:n", "1", "managed", 8)]);
    }

    #[test]
    fn what_is_no_project_has_a_place() {
        let line = |text: &str| read(text).unwrap_err().line;
        assert_eq!(line("<project>\n<a>\n</b>\n</project>"), 3);
        assert_eq!(line("\n<other/>"), 2);
        assert_eq!(line(""), 1);
        let deep = "<project>".repeat(100_000);
        assert!(!read(&deep).unwrap_err().message.is_empty());
        let bomb = "<!DOCTYPE project [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
            <project><artifactId>&b;</artifactId></project>";
        assert!(read(bomb).is_err());
    }
}
