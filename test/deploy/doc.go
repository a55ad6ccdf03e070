// Package deploy sets up what operators of many servers use, and checks that it works. It builds
// and runs the image. It compares the compose file and the Kubernetes manifests with their schemas,
// and then uses them. It has Prometheus scrape the program and evaluate the rules and the
// dashboard's queries. It has Ansible install the program on this host.
//
// It needs root, podman, podman-compose, runc, mmdebstrap, prometheus, ansible-core
// and a Debian mirror: make test-deploy installs the programs. No image registry is
// asked: the base images of the Dockerfile are made of Debian's packages.
package deploy
