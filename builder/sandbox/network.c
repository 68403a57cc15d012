#include "builder/sandbox/network.h"

bool sandbox_network_private_available(const char **why)
{
	*why = "private networks are not built in yet";
	return false;
}
