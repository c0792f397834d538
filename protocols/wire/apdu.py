from protocols.wire.base import Node, Label
def command_tree(data: bytes) -> Node: return Node("apdu", Label("指令", "command APDU"), data)
def response_tree(data: bytes) -> Node: return Node("apdu", Label("应答", "response APDU"), data)
