"""Ways through a tree that do not recurse along a chain of the same operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trafficcop.rules.ast import And, Matcher, Node, Or


def operands(node: Node, operator: type[And | Or]) -> list[Node]:
    """The members of a chain such as `a && b && c`, in order; the node itself if it is no such chain."""
    found: list[Node] = []
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, operator):
            stack.append(top.right)
            stack.append(top.left)
        else:
            found.append(top)
    return found


def leaves(node: Node) -> Iterator[Matcher]:
    """The matchers of a tree, in the order of the rule."""
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Matcher):
            yield top
        else:
            stack.append(top.right)
            stack.append(top.left)


def conjunction(nodes: Sequence[Node]) -> Node | None:
    """All of them joined by And; None is the condition that always holds."""
    if not nodes:
        return None
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    left, right = conjunction(nodes[:middle]), conjunction(nodes[middle:])
    return And(left, right) if left is not None and right is not None else left or right
