"""Names that the test's side and the server's side of `kapiserver.testing` agree on."""

CA = "ca.crt"
ADMIN_CERTIFICATE = "admin.crt"
ADMIN_KEY = "admin.key"
SERVER_CERTIFICATE = "server.crt"
SERVER_KEY = "server.key"
TOKEN_KEY = "sa.key"
KUBECONFIG = "kubeconfig"
DATA = "data"
LOG = "server.log"

RESET_SEGMENT = "kapi-testing"
RESET_PATH = f"/{RESET_SEGMENT}/v1/reset"
