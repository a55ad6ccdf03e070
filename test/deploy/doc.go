// Package deploy sets up what operators of many servers use, and looks that it
// works: the image is built and run, the compose file and the Kubernetes manifests
// are compared with their schemas and then used, Prometheus scrapes the program and
// judges rules and dashboard, Ansible installs it on this host.
//
// It needs root, podman, podman-compose, runc, mmdebstrap, prometheus, ansible-core
// and a Debian mirror: make test-deploy installs the programs. No image registry is
// asked: the base images of the Dockerfile are made of Debian's packages.
package deploy
