"""What a canvas calls prepare.py, what it takes from there, and its budget. Pure."""

from __future__ import annotations

import ast

RULER = "prepare"


class Names:
    """The names of one tree, and what is around each of its nodes."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.top = frozenset(tree.body)
        self.parent = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}
        imports = [a for n in self.nodes if isinstance(n, ast.Import) for a in n.names]
        self.rulers = {a.asname or a.name for a in imports if a.name == RULER}
        froms = [n for n in self.nodes if isinstance(n, ast.ImportFrom) and n.module == RULER]
        self.taken = {a.asname or a.name for n in froms for a in n.names}
        calls = [n for n in self.nodes if isinstance(n, ast.Call) and self.of_ruler(n.func) == "Budget"]
        self.first_budget = min(calls, key=lambda call: (call.lineno, call.col_offset), default=None)
        assigned = [n for n in self.nodes if isinstance(n, ast.Assign) and n.value in calls]
        self.budgets = {target.id for n in assigned for target in n.targets if isinstance(target, ast.Name)}

    def of_ruler(self, node: ast.AST) -> str | None:
        """Return the name that an expression takes from prepare.py, None where it is not from there."""
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in self.rulers:
                return name
            case ast.Name(id=name) if name in self.taken:
                return name
            case _:
                return None

    def rebinds(self, node: ast.Name, name: str) -> bool:
        """Tell whether a name of prepare.py is bound anew for the whole module; a local variable may be called so."""
        return (name in self.rulers or name in self.taken) and self.parent.get(node) in self.top

    def is_foreign(self, target: ast.expr) -> bool:
        """Tell whether an expression belongs to prepare.py, to the clock or to the budget."""
        root, _ = root_of(target)
        return root in self.rulers or root == "time" or root in self.budgets

    def statement(self, node: ast.AST) -> ast.AST:
        """Return the statement that a node is in."""
        while not isinstance(node, ast.stmt) and node in self.parent:
            node = self.parent[node]
        return node


def root_of(node: ast.expr) -> tuple[str, str]:
    """Return the name that a chain of attributes and subscripts begins with, and the chain's text."""
    names: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
        node = node.value
    match node:
        case ast.Call(func=ast.Name(id="vars"), args=[ast.Name(id=name)]) | ast.Name(id=name):
            return name, ".".join([name, *names])
        case _:
            return "", ".".join(names)
