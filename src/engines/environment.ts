/** What engines are told of our environment: where things are, how to reach the network, who we are. Nothing else. */
const ALLOWED =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_[A-Z]+|TZ|TMPDIR|TERM|XDG_(?:RUNTIME_DIR|CONFIG_HOME|CACHE_HOME|DATA_HOME)|DOCKER_(?:HOST|CONFIG|CONTEXT|TLS_VERIFY|CERT_PATH)|BUILDKIT_HOST|DOCKER_BUILDKIT|BUILDX_(?:BUILDER|CONFIG)|REGISTRY_AUTH_FILE|CONTAINERS_(?:CONF|STORAGE_CONF|REGISTRIES_CONF)|BUILDAH_ISOLATION|STORAGE_(?:DRIVER|OPTS)|PACK_HOME|NIX_(?:PATH|REMOTE|SSL_CERT_FILE|CONF_DIR|STORE_DIR|STATE_DIR|USER_CONF_FILES)|SSL_CERT_(?:FILE|DIR)|SSH_AUTH_SOCK|(?:HTTP|HTTPS|NO|ALL)_PROXY|(?:http|https|no|all)_proxy)$/;

/** The part of an environment that engines may see. A variable that may hold an application's secret is not in it. */
export function engineVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && ALLOWED.test(name)) variables[name] = value;
  }
  return variables;
}
