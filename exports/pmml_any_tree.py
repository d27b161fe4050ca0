"""A TreeModel of anyone's PMML: its nodes, the strategies for missing values and for no true child, and what they come to as splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from exports.ensemble import Split
from exports.pmml_choices import Ask, Branch, Choice, End, explore, sides
from exports.pmml_inputs import Inputs, mining_fields
from exports.pmml_logic import AtMost, Budget, Constant, Formula, Missing, OneOf, State, Test, evaluate
from exports.pmml_predicates import PREDICATES, PredicateReader
from exports.xml_document import Element

MODEL: Final = ("modelName", "functionName", "algorithmName", "isScorable")
STRATEGIES: Final = ("none", "defaultChild", "lastPrediction", "nullPrediction", "weightedConfidence", "aggregateNodes")
MIXED: Final = ("weightedConfidence", "aggregateNodes")
_DEEPEST_MIX: Final = 100  # nodes below each other: they are walked by recursion
_TESTS: Final = (AtMost, OneOf, Missing)
STATISTICS: Final = ("ModelStats", "ModelExplanation", "ModelVerification")  # change no score


@dataclass
class TreeNode:
    """A Node, its predicate and the nodes below."""

    element: Element
    formula: Formula
    distribution: list[Element]
    below: list[TreeNode] = field(default_factory=list)

    @property
    def count(self) -> float:
        """Its ``recordCount``. Raises ``CorruptArtifact`` where it has none, or one below zero."""
        found = self.element.number("recordCount")
        if found < 0.0:
            raise self.element.corrupt(f"recordCount={found!r}")
        return found


class Leaf(NamedTuple):
    """What a row comes to: the prediction of one node; of several, with these weights (aggregated: by their counts); or none."""

    nodes: tuple[int, ...]  # places in ``Tree.nodes``
    weights: tuple[float, ...] | None = None


Mixed = list[tuple[int, float]]  # places in ``Tree.nodes``, and weights


class Go(NamedTuple):
    """On to a node, by its place."""

    node: int


@dataclass
class Fork:
    """A split, and the places of what follows on its left and right."""

    split: Split
    left: int
    right: int = -1


Item = Fork | Leaf


class Tree(NamedTuple):
    """A tree as splits; ``items[0]`` is its root. ``strategy``: for missing values."""

    model: Element
    nodes: list[TreeNode]
    items: list[Item]
    strategy: str


class AnyTreeReader:
    """Reads TreeModels over the inputs of a document; all of them together may ask for no more work than the budget has."""

    def __init__(self, inputs: Inputs, budget: Budget) -> None:
        self._inputs, self._budget = inputs, budget
        self._predicates = PredicateReader(inputs)

    def tree(self, model: Element, fields: set[str], outermost: bool) -> Tree:
        """The tree of a TreeModel that has these fields, or stands in a model that has them. Raises ``ArtifactError``."""
        model.allow(*MODEL, "missingValueStrategy", "missingValuePenalty", "noTrueChildStrategy", "splitCharacteristic")
        scorable(model)
        strategy = model.one_of("missingValueStrategy", STRATEGIES, "none")
        if strategy in MIXED and model.get("functionName") != "classification":
            raise model.unsupported(f"missingValueStrategy={strategy!r} is for classes; of a quantity it says nothing")
        if model.get("missingValuePenalty") is not None and model.number("missingValuePenalty") != 1.0:
            raise model.unsupported("a missingValuePenalty is for confidences, scores here are probabilities; take it out to get those")
        parts = model.children("MiningSchema", "Output", "Targets", "LocalTransformations", "Node", "Extension", *STATISTICS)
        schema = model.child("MiningSchema", parts)
        asked = set(fields) if outermost else nested_fields(schema, fields, self._inputs)
        for local in (p for p in parts if p.tag == "LocalTransformations"):
            asked |= {self._inputs.alias(derived) for derived in local.allow().children("DerivedField")}
        nodes = self._nodes(model.child("Node", parts), asked)
        if nodes[0].formula != Constant(True):
            raise nodes[0].element.unsupported("the root's predicate is not True")
        last = (
            model.one_of("noTrueChildStrategy", ("returnNullPrediction", "returnLastPrediction"), "returnNullPrediction")
            == "returnLastPrediction"
        )
        walk = _Walk(nodes, strategy, last, self._budget)
        return Tree(model, nodes, walk.items(self._inputs.state()), strategy)

    def _nodes(self, root: Element, asked: set[str]) -> list[TreeNode]:
        found: list[TreeNode] = []
        todo: list[tuple[Element, TreeNode | None]] = [(root, None)]
        while todo:
            element, parent = todo.pop()
            parts = element.allow("id", "score", "recordCount", "defaultChild").children("Node", "ScoreDistribution", *PREDICATES)
            predicates = [p for p in parts if p.tag in PREDICATES]
            if len(predicates) != 1:
                raise element.corrupt(f"has {len(predicates)} predicates where one was due")
            node = TreeNode(element, self._predicates.read(predicates[0], asked), [p for p in parts if p.tag == "ScoreDistribution"])
            found.append(node)
            if parent is not None:
                parent.below.append(node)
            todo += [(p, node) for p in reversed(parts) if p.tag == "Node"]
        return found


def scorable(model: Element) -> None:
    """Refuse a model that its author says is not to be scored."""
    model.one_of("isScorable", ("true", "1"), "true")


def nested_fields(mining_schema: Element, within: set[str], inputs: Inputs) -> set[str]:
    """The fields that a model inside another asks for. What they say of odd values must be nothing: the outermost model has said it."""
    asked = within & inputs.derived()
    for mining in mining_fields(mining_schema, "name", "usageType", "optype", "importance", "invalidValueTreatment"):
        name, usage = mining.need("name"), mining.one_of("usageType", ("active", "supplementary", "target", "predicted"), "active")
        if usage in ("target", "predicted"):
            if name != inputs.target:
                raise mining.unsupported(f"predicts {name!r}, the outermost model {inputs.target!r}")
        elif name not in within:
            raise mining.corrupt(f"{name!r} is not a field that the model around has")
        elif usage == "active":
            mining.one_of("invalidValueTreatment", ("returnInvalid", "asIs"), "returnInvalid")
            asked.add(name)
    return asked


class _Step(NamedTuple):
    """Where the walk goes on: at a choice, or else at a node, with what is known by then; ``parent``: whose right side this is."""

    choice: Choice | None
    node: int
    state: State
    parent: Fork | None


class _Walk:
    """The nodes of one tree, walked by what is known of a row."""

    def __init__(self, nodes: list[TreeNode], strategy: str, last: bool, budget: Budget) -> None:
        self._nodes, self._strategy, self._last, self._budget = nodes, strategy, last, budget
        self._place = {id(node): place for place, node in enumerate(nodes)}

    def items(self, state: State) -> list[Item]:
        items: list[Item] = []
        todo = [_Step(None, 0, state, None)]
        while todo:
            choice, node, state, parent = todo.pop()
            if parent is not None:
                parent.right = len(items)
            self._budget.spend()
            if choice is None and (self._strategy in MIXED or self._nodes[node].below):
                choice = explore(self._ask(node), state, self._budget)
            if isinstance(choice, Branch):
                left, right = sides(choice.split, state, self._budget)
                if left is None or right is None:  # what one side asks for was known before
                    todo.append(_Step(choice.right if left is None else choice.left, node, state, parent))
                    continue
                fork = Fork(choice.split, len(items) + 1)
                todo += [_Step(choice.right, node, right, fork), _Step(choice.left, node, left, None)]
                items.append(fork)
            elif choice is None:
                items.append(Leaf((node,)))
            elif isinstance(choice.at, Leaf):
                items.append(choice.at)
            elif isinstance(choice.at, Go):
                todo.append(_Step(None, choice.at.node, state, parent))
        return items

    def _ask(self, node: int) -> Ask:
        if self._strategy in MIXED:
            return self._mix
        here, budget = self._nodes[node], self._budget

        def ask(state: State) -> End | Test:
            for child in here.below:
                found = evaluate(child.formula, state, budget)
                if isinstance(found, _TESTS):
                    return found
                if found:
                    return End(Go(self._place[id(child)]))
                if found is None and self._strategy != "none":
                    return End(self._unknown(node))
            return End(Leaf((node,) if self._last else ()))

        return ask

    def _unknown(self, node: int) -> Go | Leaf:
        """Where a predicate leads that is unknown."""
        if self._strategy == "defaultChild":
            here = self._nodes[node]
            named = here.element.get("defaultChild")
            found = [child for child in here.below if child.element.get("id") is not None and child.element.get("id") == named]
            if len(found) != 1:
                raise here.element.corrupt(f"defaultChild={named!r} is none of its children, and a row may need one")
            return Go(self._place[id(found[0])])
        return Leaf((node,) if self._strategy == "lastPrediction" else ())

    def _mix(self, state: State) -> End | Test:
        found = self._mixed(0, state, 0, alone=True)
        if isinstance(found, _TESTS):
            return found
        weighed = self._strategy == "weightedConfidence"
        return End(Leaf(tuple(n for n, _ in found), tuple(w for _, w in found) if weighed else None))

    def _mixed(self, node: int, state: State, depth: int, alone: bool) -> Mixed | Test:
        """The nodes that a row may end in, and their weights. ``alone``: no other node is mixed with them."""
        here = self._nodes[node]
        if depth > _DEEPEST_MIX:
            raise here.element.unsupported(f"is more than {_DEEPEST_MIX} deep in a tree with missingValueStrategy={self._strategy!r}")
        possible: list[TreeNode] = []
        sure = False
        for child in here.below:
            found = evaluate(child.formula, state, self._budget)
            if isinstance(found, _TESTS):
                return found
            if found is True and not possible:
                return self._mixed(self._place[id(child)], state, depth + 1, alone)
            if sure and found is not False and self._strategy == "aggregateNodes":
                raise child.element.unsupported("a row may come to it behind a sibling that is true: whether it is aggregated is not clear")
            if found is not False:
                possible.append(child)
                sure = found is True
        if possible:
            return self._shared(here, possible, state, depth)
        if here.below and not alone and self._strategy == "aggregateNodes":
            raise here.element.unsupported("has no true child for some rows, and only leaves are aggregated")
        if here.below and not self._last:
            if not alone:
                raise here.element.unsupported("has no true child for some rows, so no prediction to be mixed with others")
            return []
        return [(node, 1.0)]

    def _shared(self, here: TreeNode, children: list[TreeNode], state: State, depth: int) -> Mixed | Test:
        """Each child in turn, weighed by its share of the records: where that could be read in two ways it is refused."""
        weighed = self._strategy == "weightedConfidence"
        if weighed and (sum(child.count for child in children) != here.count or not here.count):
            raise here.element.unsupported(
                "its recordCount is not that of the children that a row may come to: their weights are not clear"
            )
        found: Mixed = []
        for child in children:
            part = self._mixed(self._place[id(child)], state, depth + 1, alone=False)
            if isinstance(part, _TESTS):
                return part
            found += [(n, w * (child.count / here.count) if weighed else 1.0) for n, w in part]
        return found
