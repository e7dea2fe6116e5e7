"""What a stage's code depends on, found in the code: the local modules it imports, and the params it reads.

Nothing is imported or run. The imports are those of the syntax tree, wherever they stand. The params are found by
following the code from the stage's `__main__` block on, function by function, with the values that matter:
`load_params()` is all of params.yaml, `.models` a part of it, `[name]` the stage's own section there, `.items()`
every section. Using a value of a part is a read; so is handing a part to something that cannot be followed (a
library, a container, an f-string): then all of the part counts as read. What is missed is params.yaml read other
than by `load_params`.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.errors import UserError

PARAMS_MODULE = "stages.common.params"  # its `load_params` gives its class `Params`
OWN, EACH = "*", "(each)"  # in the path of a read: the section that a variable names; every section
KEYS_ONLY = {"frozenset", "iter", "join", "len", "list", "set", "sorted", "tuple"}  # see no more of a mapping

Keys = tuple[str, ...]  # a path in params.yaml: `models.imdb.hidden`, key by key


# Modules and imports


def module_file(root: Path, module: str) -> Path | None:
    """The file of a module of the project, relative to its root; None for a library's."""
    base = Path(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if (root / file).is_file():
            return file
    return None


@cache
def _parse(path: Path, _: int) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: expected Python; {error.msg}") from None


def parse(path: Path) -> ast.Module:
    return _parse(path, path.stat().st_mtime_ns)


def absolute(node: ast.ImportFrom, importer: str) -> str:
    """The module that a `from ... import` names; of packages, only those of modules are relative here."""
    if not node.level:
        return node.module or ""
    return ".".join([*importer.split(".")[: -node.level], *([node.module] if node.module else [])])


def imported(root: Path, module: str) -> set[str]:
    """The names that a local module imports and that may be modules."""
    names = set()
    for node in ast.walk(parse(root / (module_file(root, module) or ""))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    parents = {name.rsplit(".", count)[0] for name in names for count in range(1, name.count(".") + 1)}
    return names | parents


def is_only_docstring(tree: ast.Module) -> bool:
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in tree.body)


def local_imports(root: Path, module: str) -> set[Path]:
    """The files of a local module and all that it imports, transitively; without files that hold no code."""
    found: dict[str, Path] = {}
    to_do = [module]
    while to_do:
        name = to_do.pop()
        file = module_file(root, name)
        if file and name not in found:
            found[name] = file
            to_do += imported(root, name)
    return {file for file in found.values() if not is_only_docstring(parse(root / file))}


# Params: the values that are followed. All else is no value at all: an expression has a set of them, mostly empty.


class Part(NamedTuple):
    """A part of params.yaml, and what its class says of it."""

    path: Keys
    annotation: ast.expr


class Key(NamedTuple):
    """Every key of a mapping, one after the other."""


class Constant(NamedTuple):
    value: str


class Many(NamedTuple):
    """What is iterated over."""

    elements: frozenset


class Row(NamedTuple):
    """A tuple."""

    columns: tuple[frozenset, ...]


class Module(NamedTuple):
    name: str


class Class(NamedTuple):
    node: ast.ClassDef
    scope: "Scope"


class Instance(NamedTuple):
    of: Class


class Function(NamedTuple):
    node: ast.FunctionDef | ast.Lambda
    scope: "Scope"
    bound: frozenset = frozenset()  # self


NOTHING: frozenset = frozenset()


class Scope:
    """The names of a module, function or comprehension, and the values that each may have."""

    def __init__(self, module: str, parent: "Scope | None" = None, main: bool = False) -> None:
        self.module, self.parent, self.main = module, parent, main
        self.names: dict[str, frozenset] = {}
        self.returned: frozenset = NOTHING

    def add(self, name: str, values: frozenset) -> None:
        self.names[name] = self.names.get(name, NOTHING) | values

    def look_up(self, name: str) -> frozenset:
        scope: Scope | None = self
        while scope:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return NOTHING


class Reader:
    """Follows the code of one stage and gathers in `reads` the paths of params.yaml that it reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reads: set[Keys] = set()
        self._modules: dict[str, Scope] = {}
        self._calls: dict[tuple, frozenset] = {}

    def module(self, name: str, main: bool = False) -> Scope:
        """Follow a module's own statements, once."""
        if name not in self._modules:
            scope = self._modules[name] = Scope(name, main=main)
            file = module_file(self.root, name)
            if file:
                self.follow(parse(self.root / file).body, scope)
        return self._modules[name]

    # Parts of params.yaml

    def params_class(self, annotation: ast.expr) -> Class | None:
        """The class that an annotation of the params module names, if it is one of that module."""
        name = annotation.id if isinstance(annotation, ast.Name) else ""
        found = self.module(PARAMS_MODULE).names.get(name, NOTHING)
        return next((value for value in found if isinstance(value, Class)), None)

    def part(self, path: Keys, annotation: ast.expr) -> frozenset:
        """A part, if it has parts of its own; else a value, read now."""
        annotation = plain(annotation)
        if self.params_class(annotation) or item_of(annotation):
            return frozenset({Part(path, annotation)})
        self.reads.add(path)
        return NOTHING

    def members(self, owner: Class) -> Iterator[ast.stmt]:
        """The statements of a class, then those of its local bases."""
        yield from owner.node.body
        for base in owner.node.bases:
            for value in self.value(base, owner.scope):
                if isinstance(value, Class):
                    yield from self.members(value)

    def attribute(self, value: Any, name: str) -> frozenset:
        """What `value.name` may be."""
        if isinstance(value, Module):
            names = self.module(value.name).names
            return names.get(name) or self.submodule(f"{value.name}.{name}")
        owner = self.params_class(value.annotation) if isinstance(value, Part) else getattr(value, "of", None)
        if not isinstance(owner, Class):
            return NOTHING
        for member in self.members(owner):
            if isinstance(member, ast.AnnAssign) and getattr(member.target, "id", None) == name:
                return self.part((*value.path, name), member.annotation) if isinstance(value, Part) else NOTHING
            if isinstance(member, ast.FunctionDef) and member.name == name:
                function = Function(member, owner.scope, frozenset({value}))
                is_property = any(getattr(node, "id", "").endswith("property") for node in member.decorator_list)
                return self.call(function, []) if is_property else frozenset({function})
        self.escape([value])  # a method of pydantic: all may be read
        return NOTHING

    def item(self, value: Any, keys: frozenset) -> frozenset:
        """What `value[key]` may be."""
        if isinstance(value, Many):
            return value.elements
        annotation = item_of(value.annotation) if isinstance(value, Part) else None
        if annotation is None:
            self.escape([value])
            return NOTHING
        names = [key.value for key in keys if isinstance(key, Constant)]
        if any(isinstance(key, Key) for key in keys):
            names = [EACH]
        return union(self.part((*value.path, name), annotation) for name in names or [OWN])

    def each(self, value: Any) -> frozenset:
        """What iterating over `value` may give."""
        if isinstance(value, Many):
            return value.elements
        if isinstance(value, Part) and item_of(value.annotation):
            return frozenset({Key()})
        self.escape([value])
        return NOTHING

    def escape(self, values: Iterable[Any]) -> None:
        """Count as read, or called, what goes where it cannot be followed."""
        for value in values:
            if isinstance(value, Part):
                self.reads.add(value.path)
            elif isinstance(value, Many):
                self.escape(value.elements)
            elif isinstance(value, Row):
                self.escape(union(value.columns))
            elif isinstance(value, Function):
                self.call(value, [])
            elif isinstance(value, Class):
                self.construct(value, [], {})

    # Calls

    def call(
        self, function: Function, arguments: list[frozenset], keywords: dict[str, frozenset] | None = None
    ) -> frozenset:
        """Follow a function with these arguments, once; return what it may return."""
        node, scope = function.node, Scope(function.scope.module, function.scope)
        if scope.module == PARAMS_MODULE and getattr(node, "name", "") == "load_params":
            return frozenset({Part((), ast.Name("Params"))})
        if function.bound:
            arguments = [function.bound, *arguments]
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        known = {*names, *(argument.arg for argument in node.args.kwonlyargs)}
        for name, values in [*zip(names, arguments, strict=False), *(keywords or {}).items()]:
            if name in known:
                scope.add(name, values)
            else:
                self.escape(values)
        self.escape(union(arguments[len(names) :]))
        key = (node, function.scope, frozenset(scope.names.items()))
        if key not in self._calls:
            self._calls[key] = NOTHING  # for recursion
            if isinstance(node, ast.Lambda):
                scope.returned = self.value(node.body, scope)
            else:
                self.follow(node.body, scope)
            self._calls[key] = scope.returned
        return self._calls[key]

    def construct(self, owner: Class, arguments: list[frozenset], keywords: dict[str, frozenset]) -> frozenset:
        """Follow a class' constructor, and its other methods in case something calls them."""
        instance = Instance(owner)
        if ("new", owner) not in self._calls:
            self._calls["new", owner] = NOTHING
            for member in owner.node.body:
                if isinstance(member, ast.FunctionDef) and member.name != "__init__":
                    self.call(Function(member, owner.scope, frozenset({instance})), [])
        for member in self.members(owner):
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                self.call(Function(member, owner.scope, frozenset({instance})), arguments, keywords)
                break
        else:
            self.escape(union([*arguments, *keywords.values()]))
        return frozenset({instance})

    def call_expression(self, node: ast.Call, scope: Scope) -> frozenset:
        known = self.known_call(node, scope)
        if known is not None:
            return known
        functions = self.value(node.func, scope)
        starred = next((i for i, argument in enumerate(node.args) if isinstance(argument, ast.Starred)), None)
        arguments = [self.value(argument, scope) for argument in node.args[:starred]]
        keywords = {keyword.arg: self.value(keyword.value, scope) for keyword in node.keywords if keyword.arg}
        rest = [] if starred is None else node.args[starred:]
        for argument in [*rest, *(keyword.value for keyword in node.keywords if not keyword.arg)]:
            self.escape(self.value(argument, scope))
        results = []
        for function in functions:
            if isinstance(function, Function):
                results.append(self.call(function, arguments, keywords))
            elif isinstance(function, Class):
                results.append(self.construct(function, arguments, keywords))
        if not results:
            self.escape(union([*arguments, *keywords.values()]))
        return union(results)

    def known_call(self, node: ast.Call, scope: Scope) -> frozenset | None:
        """The calls that are understood though their code is not at hand; None for others."""
        match node:
            case ast.Call(func=ast.Name("getattr"), args=[owner, name, *_]):
                names = [value.value for value in self.value(name, scope) if isinstance(value, Constant)]
                owners = self.value(owner, scope)
                if not names:
                    self.escape(owners)
                return union(self.attribute(value, name) for value in owners for name in names)
            case ast.Call(func=ast.Attribute(owner, "items" | "values" | "keys" | "get" as method)):
                parts = [part for part in self.value(owner, scope) if isinstance(part, Part)]
                if parts and all(item_of(part.annotation) for part in parts):
                    return union(self.mapping_method(part, method, node, scope) for part in parts)
            case ast.Call(func=ast.Attribute(owner, "model_dump"), keywords=[ast.keyword("include", included)]):
                return self.dump(self.value(owner, scope), included, scope)
            case ast.Call(func=ast.Name(name) | ast.Attribute(_, name), args=[argument]) if name in KEYS_ONLY:
                values = self.value(argument, scope)
                if not self.value(node.func, scope) and all(
                    isinstance(value, Many) or (isinstance(value, Part) and item_of(value.annotation))
                    for value in values
                ):
                    return frozenset({Many(union(self.each(value) for value in values))})
        return None

    def mapping_method(self, part: Part, method: str, node: ast.Call, scope: Scope) -> frozenset:
        if method == "keys":
            return frozenset({part})
        if method == "get":
            return self.item(part, self.value(node.args[0], scope))
        values = self.item(part, frozenset({Key()}))
        return frozenset({Many(frozenset({Row((frozenset({Key()}), values))}) if method == "items" else values)})

    def dump(self, parts: frozenset, included: ast.expr, scope: Scope) -> frozenset:
        """`part.model_dump(include=set(C.model_fields))` reads the fields of class C, else all."""
        match included:
            case ast.Call(func=ast.Name("set"), args=[ast.Attribute(owner, "model_fields")]):
                for value in self.value(owner, scope):
                    for member in self.members(value) if isinstance(value, Class) else ():
                        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                            self.escape(union(self.attribute(part, member.target.id) for part in parts))
            case _:
                self.escape(parts)
        return NOTHING

    # Expressions

    def value(self, node: ast.expr, scope: Scope) -> frozenset:
        """What an expression may be."""
        match node:
            case ast.Constant(str(text)):
                return frozenset({Constant(text)})
            case ast.Name(name):
                return scope.look_up(name)
            case ast.Attribute(owner, name):
                return union(self.attribute(value, name) for value in self.value(owner, scope))
            case ast.Subscript(owner, key):
                keys = self.value(key, scope)
                return union(self.item(value, keys) for value in self.value(owner, scope))
            case ast.Call():
                return self.call_expression(node, scope)
            case ast.Lambda():
                return frozenset({Function(node, scope)})
            case ast.Tuple(columns) if not any(isinstance(column, ast.Starred) for column in columns):
                return frozenset({Row(tuple(self.value(column, scope) for column in columns))})
            case ast.BoolOp(values=operands):
                return union(self.value(operand, scope) for operand in operands)
            case ast.IfExp(test, body, orelse):
                self.value(test, scope)
                return self.value(body, scope) | self.value(orelse, scope)
            case ast.NamedExpr(target, value):
                values = self.value(value, scope)
                self.bind(target, values, scope)
                return values
            case ast.ListComp(element, generators) | ast.SetComp(element, generators):
                return self.comprehension([element], generators, scope)
            case ast.GeneratorExp(element, generators):
                return self.comprehension([element], generators, scope)
            case ast.DictComp(key, value, generators):
                self.escape(self.comprehension([key, value], generators, scope))
                return NOTHING
            case ast.Compare(left, [ast.In() | ast.NotIn()], [mapping]):
                self.escape(self.value(left, scope))
                for value in self.value(mapping, scope):
                    self.each(value)
                return NOTHING
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.escape(self.value(child, scope))
        return NOTHING

    def comprehension(self, elements: list[ast.expr], generators: list[ast.comprehension], outer: Scope) -> frozenset:
        scope = Scope(outer.module, outer)
        for generator in generators:
            values = self.value(generator.iter, scope)
            self.bind(generator.target, union(self.each(value) for value in values), scope)
            for condition in generator.ifs:
                self.value(condition, scope)
        return frozenset({Many(union(self.value(element, scope) for element in elements))})

    # Statements

    def follow(self, statements: list[ast.stmt], scope: Scope) -> None:
        for statement in statements:
            self.statement(statement, scope)

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.FunctionDef(name=name):
                for default in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
                    self.escape(self.value(default, scope))
                scope.add(name, frozenset({Function(node, scope)}))
            case ast.ClassDef(name=name):
                fields = [member for member in node.body if not isinstance(member, ast.FunctionDef)]
                self.follow(fields, Scope(scope.module, scope))
                scope.add(name, frozenset({Class(node, scope)}))
            case ast.Import() | ast.ImportFrom():
                self.import_names(node, scope)
            case ast.Assign(targets, value):
                for target in targets:
                    self.bind(target, self.value(value, scope), scope)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.bind(target, self.value(value, scope), scope)
            case ast.AnnAssign():
                pass  # a declaration
            case ast.Return(ast.expr() as value):
                scope.returned |= self.value(value, scope)
            case ast.Expr(value):
                self.value(value, scope)
            case ast.If(ast.Compare(ast.Name("__name__"))) if not scope.main:
                pass  # run as a stage only, not when it is imported
            case ast.For(target, iterated, body, orelse):
                values = union(self.each(value) for value in self.value(iterated, scope))
                self.bind(target, values, scope)
                for _ in range(2):  # the second time with what the first left in the names
                    self.follow(body, scope)
                self.follow(orelse, scope)
            case ast.With(items, body):
                for item in items:
                    values = self.value(item.context_expr, scope)
                    if item.optional_vars:
                        self.bind(item.optional_vars, values, scope)
                self.follow(body, scope)
            case _:
                self.follow_children(node, scope)

    def follow_children(self, node: ast.AST, scope: Scope) -> None:
        """`if`, `while`, `try`, `raise` ...: their expressions and statements in order."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child, scope)
            elif isinstance(child, ast.expr):
                values = self.value(child, scope)
                if not isinstance(node, ast.If | ast.While):  # whose test reads no more than whether there is one
                    self.escape(values)
            else:
                self.follow_children(child, scope)

    def bind(self, target: ast.expr, values: frozenset, scope: Scope) -> None:
        match target:
            case ast.Name(name):
                scope.add(name, values)
            case ast.Starred(inner):
                self.bind(inner, values, scope)
            case ast.Tuple(targets) | ast.List(targets):
                for value in values:
                    if isinstance(value, Row) and len(value.columns) == len(targets):
                        for inner, column in zip(targets, value.columns, strict=True):
                            self.bind(inner, column, scope)
                    else:
                        for inner in targets:
                            self.bind(inner, self.each(value), scope)
            case _:  # an attribute, an element
                self.escape(values)

    def submodule(self, name: str) -> frozenset:
        return frozenset({Module(name)}) if module_file(self.root, name) else NOTHING

    def import_names(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Bind what a statement imports from local modules, and follow these."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                if module_file(self.root, alias.name):
                    self.module(alias.name)
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    scope.add(alias.asname or name, frozenset({Module(name)}))
                continue
            base = absolute(node, scope.module)
            if module_file(self.root, base):
                names = self.module(base).names
                found = names.get(alias.name) or self.submodule(f"{base}.{alias.name}")
                scope.add(alias.asname or alias.name, found)


def plain(annotation: ast.expr) -> ast.expr:
    """An annotation without `Annotated[...]` and `| None`."""
    match annotation:
        case ast.Subscript(ast.Name("Annotated"), ast.Tuple([inner, *_])):
            return plain(inner)
        case ast.BinOp(inner, ast.BitOr(), ast.Constant(None)):
            return plain(inner)
    return annotation


def item_of(annotation: ast.expr) -> ast.expr | None:
    """The annotation of a mapping's values; None for what is no mapping."""
    match annotation:
        case ast.Subscript(ast.Name("dict" | "Mapping"), ast.Tuple([_, item])):
            return item
    return None


def union(sets: Iterable[frozenset]) -> frozenset:
    return NOTHING.union(*sets)


# What verify asks


def params_read(root: Path, module: str) -> set[Keys]:
    """The paths of params.yaml that a stage's module reads, itself or through other local modules."""
    reader = Reader(root)
    reader.module(module, main=True)
    return reader.reads


def keys_read(content: Any, path: Keys, prefix: Keys = ()) -> Iterator[Keys]:
    """The single values of params.yaml that a read of `path` reaches; OWN stays."""
    if not path:
        if isinstance(content, dict) and content:
            for key, value in content.items():
                yield from keys_read(value, (), (*prefix, key))
        else:
            yield prefix
    elif path[0] in (OWN, EACH) and isinstance(content, dict):
        for key, value in content.items():
            yield from keys_read(value, path[1:], (*prefix, OWN if path[0] == OWN else key))
    elif isinstance(content, dict) and path[0] in content:
        yield from keys_read(content[path[0]], path[1:], (*prefix, path[0]))
    else:  # optional, and absent
        yield (*prefix, *path)


def covers(declared: str, read: Keys) -> bool:
    """Whether the declared param is the one read, or holds it."""
    keys = declared.split(".")
    return len(keys) <= len(read) and all(own in (key, OWN) for key, own in zip(keys, read, strict=False))


def reaches(read: Keys, key: Keys) -> bool:
    """Whether reading a path reads the single value at `key`, of whatever section."""
    return len(read) <= len(key) and all(own in (part, OWN, EACH) for own, part in zip(read, key, strict=False))
