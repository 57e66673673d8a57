"""What clients are told when there is no node, no container, no kubelet, no right."""

from __future__ import annotations

import socket

from proxying_world import PODS, UPGRADE, World


async def test_a_pod_without_a_node(world: World) -> None:
    await world.add_pod("waiting", node="")
    assert (await world.get(f"{PODS}/waiting/log")).status == 204
    answer = await world.get(f"{PODS}/waiting/exec?command=ls", UPGRADE)
    assert (answer.status, answer.message) == (400, "pod waiting does not have a host assigned")


async def test_a_node_that_does_not_exist(world: World) -> None:
    await world.add_pod("lost", node="nowhere")
    for path in ("log", "exec?command=ls", "portforward"):
        answer = await world.get(f"{PODS}/lost/{path}", UPGRADE)
        assert (answer.status, answer.message) == (404, 'nodes "nowhere" not found')


async def test_a_pod_that_does_not_exist(world: World) -> None:
    answer = await world.get(f"{PODS}/none/log")
    assert (answer.status, answer.message) == (404, 'pods "none" not found')


async def test_a_node_without_an_address(world: World) -> None:
    await world.add_node("bare", addresses=[{"type": "ExternalDNS", "address": "n.example"}])
    await world.add_pod("p", node="bare")
    answer = await world.get(f"{PODS}/p/log")
    assert answer.status == 500
    assert answer.message == (
        "no preferred addresses found; known addresses: [{ExternalDNS n.example}]"
    )


async def test_containers(world: World) -> None:
    await world.add_pod("two", containers=("a", "b"))
    answer = await world.get(f"{PODS}/two/log")
    assert (answer.status, answer.message) == (
        400,
        "a container name must be specified for pod two, choose one of: [a b]",
    )
    answer = await world.get(f"{PODS}/two/log?container=c")
    assert (answer.status, answer.message) == (400, "container c is not valid for pod two")
    assert (await world.get(f"{PODS}/two/log?container=b")).body == b"one\ntwo\n"
    assert world.kubelet.seen[-1].path == "/containerLogs/default/two/b"


async def test_log_parameters_are_passed_on(world: World) -> None:
    query = (
        "follow=false&previous=true&timestamps=true&sinceSeconds=5&tailLines=1&limitBytes=7"
        "&pretty=true&fieldManager=x"
    )
    assert (await world.get(f"{PODS}/web/log?{query}")).status == 200
    assert world.kubelet.seen[-1].query == {
        "previous": ["true"],
        "timestamps": ["true"],
        "sinceSeconds": ["5"],
        "tailLines": ["1"],
        "limitBytes": ["7"],
    }


async def test_log_parameters_are_validated(world: World) -> None:
    answer = await world.get(f"{PODS}/web/log?tailLines=-1&limitBytes=0&stream=Both")
    assert answer.status == 422
    assert answer.message == (
        'PodLogOptions "web" is invalid: '
        "[tailLines: Invalid value: -1: must be greater than or equal to 0, "
        "limitBytes: Invalid value: 0: must be greater than 0, "
        'stream: Unsupported value: "Both": supported values: "All", "Stderr", "Stdout"]'
    )
    answer = await world.get(f"{PODS}/web/log?tailLines=x")
    assert (answer.status, answer.message) == (
        400,
        'strconv.ParseInt: parsing "x": invalid syntax',
    )


async def test_the_kubelet_refuses(world: World) -> None:
    world.kubelet.refuse = (400, b"container main is waiting to start")
    answer = await world.get(f"{PODS}/web/log")
    assert (answer.status, answer.message) == (400, "container main is waiting to start")
    world.kubelet.refuse = (500, b"it broke")
    answer = await world.get(f"{PODS}/web/log")
    assert (answer.status, answer.message) == (500, "Internal error occurred: it broke")
    world.kubelet.refuse = (404, b"gone")
    answer = await world.get(f"{PODS}/web/log")
    assert (answer.status, answer.message) == (
        404,
        "the server could not find the requested resource ( pods/log web)",
    )


async def test_no_kubelet_listens(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        await world.add_node("dark", daemonEndpoints={"kubeletEndpoint": {"Port": port}})
        await world.add_pod("p", node="dark")
        refused = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
        answer = await world.get(f"{PODS}/p/log")
        url = f"https://127.0.0.1:{port}/containerLogs/default/p/main"
        assert (answer.status, answer.message) == (500, f'Get "{url}": {refused}')
        answer = await world.get(f"{PODS}/p/exec?command=ls", UPGRADE)
        assert (answer.status, answer.message) == (500, f"error dialing backend: {refused}")


async def test_exec_needs_an_upgrade(world: World) -> None:
    answer = await world.get(f"{PODS}/web/exec?command=ls")
    assert (answer.status, answer.message) == (400, "Upgrade request required")
    assert not world.kubelet.seen


async def test_head_of_a_log_asks_no_kubelet(world: World) -> None:
    answer = await world.ask("HEAD", f"{PODS}/web/log?follow=true")
    assert (answer.status, answer.body) == (405, b"")
    assert not world.kubelet.seen
