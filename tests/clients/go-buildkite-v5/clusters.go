package main

import (
	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// cluster makes one with a queue.
func (f *fake) cluster(client *buildkite.Client) (buildkite.Cluster, buildkite.ClusterQueue) {
	cluster, _, err := client.Clusters.Create(ctx, f.Organization, buildkite.ClusterCreate{Name: "Builders"})
	must(err)
	queue, _, err := client.ClusterQueues.Create(ctx, f.Organization, cluster.ID,
		buildkite.ClusterQueueCreate{Key: "linux", Description: "What runs on Linux"})
	must(err)
	return cluster, queue
}

// Everything that can become of a cluster.
func clusters(f *fake) {
	client := f.client()
	service := client.Clusters
	get := func(id string) buildkite.Cluster {
		cluster, _, err := service.Get(ctx, f.Organization, id)
		must(err)
		return cluster
	}
	made, response, err := service.Create(ctx, f.Organization, buildkite.ClusterCreate{
		Name:        "Builders",
		Description: "What builds",
		Emoji:       ":hammer:",
		Color:       "#A9CCE3",
		Maintainers: []buildkite.ClusterMaintainer{{UserID: f.Colleague.ID}},
	})
	must(err)
	check(response.StatusCode, 201)
	check(get(made.ID), made)
	check(made.Name, "Builders")
	check(made.Description, "What builds")
	check(made.Emoji, ":hammer:")
	check(made.Color, "#A9CCE3")
	check(made.DefaultQueueID+made.DefaultQueueURL, "")
	check(made.URL, f.OfOrganization("/clusters/"+made.ID))
	check(made.QueuesURL, made.URL+"/queues")
	check(made.CreatedBy.Email, f.User.Email)
	isSet(made.CreatedAt)
	check(len(made.Maintainers.Users), 1)
	check(len(made.Maintainers.Teams), 0)
	check(made.Maintainers.Users[0].Actor.Email, f.Colleague.Email)
	check(made.Maintainers.Users[0].Actor.Type, "user")

	second, _, err := service.Create(ctx, f.Organization, buildkite.ClusterCreate{Name: "Shippers"})
	must(err)
	names := func(options buildkite.ListOptions) []string {
		all, _, err := service.List(ctx, f.Organization, &buildkite.ClustersListOptions{ListOptions: options})
		must(err)
		return support.Names(all, func(cluster buildkite.Cluster) string { return cluster.Name })
	}
	check(names(buildkite.ListOptions{}), []string{"Builders", "Shippers"})
	check(names(buildkite.ListOptions{Page: 2, PerPage: 1}), []string{"Shippers"})

	// Changed: what is not sent stays. A queue of it becomes its default.
	queue, _, err := client.ClusterQueues.Create(ctx, f.Organization, made.ID, buildkite.ClusterQueueCreate{Key: "default"})
	must(err)
	changed, response, err := service.Update(ctx, f.Organization, made.ID,
		buildkite.ClusterUpdate{Name: some("Makers"), DefaultQueueID: some(queue.ID)})
	must(err)
	check(response.StatusCode, 200)
	check(get(made.ID), changed)
	check(changed.Name, "Makers")
	check(changed.Description, "What builds")
	check(changed.DefaultQueueID, queue.ID)
	check(changed.DefaultQueueURL, queue.URL)
	check(changed.Maintainers, made.Maintainers)

	// Emptied: what is sent empty is empty, and the rest stays.
	emptied, _, err := service.Update(ctx, f.Organization, made.ID,
		buildkite.ClusterUpdate{Description: some(""), Emoji: some(""), Color: some("")})
	must(err)
	changed.Description, changed.Emoji, changed.Color = "", "", ""
	check(emptied, changed)
	check(get(made.ID), changed)

	_, _, err = service.Create(ctx, f.Organization, buildkite.ClusterCreate{})
	refused(err, 422, "Validation failed: Name can't be blank")
	_, _, err = service.Update(ctx, f.Organization, second.ID,
		buildkite.ClusterUpdate{DefaultQueueID: some(queue.ID)})
	refused(err, 422, "Validation failed: Default queue must belong to the cluster")
	_, _, err = service.Get(ctx, f.Organization, noOnes)
	refused(err, 404, "No cluster found")
	_, _, err = f.clientWith(f.ReadOnlyToken).Clusters.List(ctx, f.Organization, nil)
	refused(err, 403, "Your access token doesn't have the read_clusters scope")

	for _, id := range []string{made.ID, second.ID} {
		answered(204)(service.Delete(ctx, f.Organization, id))
	}
	check(names(buildkite.ListOptions{}), []string{})
}

// Everything that can become of a queue.
func clusterQueues(f *fake) {
	client := f.client()
	service := client.ClusterQueues
	cluster, linux := f.cluster(client)
	get := func(id string) buildkite.ClusterQueue {
		queue, _, err := service.Get(ctx, f.Organization, cluster.ID, id)
		must(err)
		return queue
	}
	isID(linux.ID)
	check(get(linux.ID), linux)
	check(linux.Key, "linux")
	check(linux.Description, "What runs on Linux")
	check(linux.URL, cluster.QueuesURL+"/"+linux.ID)
	check(linux.ClusterURL, cluster.URL)
	check(linux.DispatchPaused, false)
	check(linux.CreatedBy.Email, f.User.Email)
	check(linux.RetryAgentAffinity, buildkite.RetryAgentAffinityPreferWarmest)
	mac, response, err := service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterQueueCreate{
		Key: "mac", RetryAgentAffinity: buildkite.RetryAgentAffinityPreferDifferent,
	})
	must(err)
	check(response.StatusCode, 201)
	check(mac.RetryAgentAffinity, buildkite.RetryAgentAffinityPreferDifferent)
	all, _, err := service.List(ctx, f.Organization, cluster.ID,
		&buildkite.ClusterQueuesListOptions{ListOptions: buildkite.ListOptions{PerPage: 5}})
	must(err)
	check(all, []buildkite.ClusterQueue{linux, mac})

	changed, response, err := service.Update(ctx, f.Organization, cluster.ID, mac.ID,
		buildkite.ClusterQueueUpdate{Description: some("What runs on macOS")})
	must(err)
	check(response.StatusCode, 200)
	check(changed.Description, "What runs on macOS")
	check(changed.RetryAgentAffinity, buildkite.RetryAgentAffinityPreferDifferent)
	check(get(mac.ID), changed)
	changed, _, err = service.Update(ctx, f.Organization, cluster.ID, mac.ID, buildkite.ClusterQueueUpdate{
		Description: some(""), RetryAgentAffinity: some(buildkite.RetryAgentAffinityPreferWarmest),
	})
	must(err)
	check(changed.Description, "")
	check(changed.RetryAgentAffinity, buildkite.RetryAgentAffinityPreferWarmest)
	check(get(mac.ID), changed)

	// Paused, and taken up again.
	paused, response, err := service.Pause(ctx, f.Organization, cluster.ID, mac.ID,
		buildkite.ClusterQueuePause{Note: "Moving house"})
	must(err)
	check(response.StatusCode, 200)
	check(paused.DispatchPaused, true)
	check(paused.DispatchPausedNote, "Moving house")
	check(paused.DispatchPausedBy.Email, f.User.Email)
	isSet(paused.DispatchPausedAt)
	check(get(mac.ID), paused)
	_, _, err = service.Pause(ctx, f.Organization, cluster.ID, mac.ID, buildkite.ClusterQueuePause{})
	refused(err, 422, "Cluster queue is already paused")
	answered(200)(service.Resume(ctx, f.Organization, cluster.ID, mac.ID))
	check(get(mac.ID), changed)
	_, err = service.Resume(ctx, f.Organization, cluster.ID, mac.ID)
	refused(err, 422, "Cluster queue is not paused")

	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterQueueCreate{Key: "mac"})
	refused(err, 422, "Validation failed: Key has already been taken")
	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterQueueCreate{Key: "a b"})
	refused(err, 422, "Validation failed: Key can only contain letters, numbers, hyphens and underscores")

	answered(204)(service.Delete(ctx, f.Organization, cluster.ID, mac.ID))
	_, _, err = service.Get(ctx, f.Organization, cluster.ID, mac.ID)
	refused(err, 404, "No cluster queue found")
}

// A token for agents is told once.
func clusterTokens(f *fake) {
	client := f.client()
	service := client.ClusterTokens
	cluster, _ := f.cluster(client)
	made, response, err := service.Create(ctx, f.Organization, cluster.ID,
		buildkite.ClusterTokenCreate{Description: "Linux", AllowedIPAddresses: "10.0.0.0/8"})
	must(err)
	check(response.StatusCode, 201)
	isID(made.ID)
	check(made.Token != "", true)
	check(made.Description, "Linux")
	check(made.AllowedIPAddresses, "10.0.0.0/8")
	check(made.URL, cluster.URL+"/tokens/"+made.ID)
	check(made.ClusterURL, cluster.URL)
	check(made.CreatedBy.Email, f.User.Email)

	got, _, err := service.Get(ctx, f.Organization, cluster.ID, made.ID)
	must(err)
	check(got.Token, "")
	made.Token = ""
	check(got, made)
	all, _, err := service.List(ctx, f.Organization, cluster.ID, &buildkite.ClusterTokensListOptions{})
	must(err)
	check(all, []buildkite.ClusterToken{made})

	changed, response, err := service.Update(ctx, f.Organization, cluster.ID, made.ID,
		buildkite.ClusterTokenUpdate{Description: some("All of them")})
	must(err)
	check(response.StatusCode, 200)
	check(changed.Description, "All of them")
	check(changed.AllowedIPAddresses, "10.0.0.0/8")
	changed, _, err = service.Update(ctx, f.Organization, cluster.ID, made.ID,
		buildkite.ClusterTokenUpdate{AllowedIPAddresses: some("")})
	must(err)
	check(changed.Description, "All of them")
	check(changed.AllowedIPAddresses, "")
	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterTokenCreate{})
	refused(err, 422, "Validation failed: Description can't be blank")

	answered(204)(service.Delete(ctx, f.Organization, cluster.ID, made.ID))
	_, _, err = service.Get(ctx, f.Organization, cluster.ID, made.ID)
	refused(err, 404, "No cluster token found")
}

// Who maintains a cluster: users, and teams.
func clusterMaintainers(f *fake) {
	client := f.client()
	service := client.ClusterMaintainers
	cluster, _ := f.cluster(client)
	list := func() []buildkite.ClusterMaintainerEntry {
		all, _, err := service.List(ctx, f.Organization, cluster.ID, nil)
		must(err)
		return all
	}
	check(len(list()), 0)
	user, response, err := service.Create(ctx, f.Organization, cluster.ID,
		buildkite.ClusterMaintainer{UserID: f.Colleague.ID})
	must(err)
	check(response.StatusCode, 201)
	isID(user.ID)
	check(user.Actor.ID, f.Colleague.ID)
	check(user.Actor.Name, f.Colleague.Name)
	check(user.Actor.Email, f.Colleague.Email)
	check(user.Actor.Type, "user")
	team, _, err := service.Create(ctx, f.Organization, cluster.ID,
		buildkite.ClusterMaintainer{TeamID: f.Colleague.Team.ID})
	must(err)
	check(team.Actor.ID, f.Colleague.Team.ID)
	check(team.Actor.Slug, f.Colleague.Team.Slug)
	check(team.Actor.Type, "team")
	check(list(), []buildkite.ClusterMaintainerEntry{user, team})
	got, _, err := service.Get(ctx, f.Organization, cluster.ID, team.ID)
	must(err)
	check(got, team)
	whole, _, err := client.Clusters.Get(ctx, f.Organization, cluster.ID)
	must(err)
	// In its cluster a team has a name, too.
	named := team
	named.Actor.Name = whole.Maintainers.Teams[0].Actor.Name
	check(named.Actor.Name != "", true)
	check(whole.Maintainers, buildkite.ClusterMaintainersList{
		Users: []buildkite.ClusterMaintainerEntry{user}, Teams: []buildkite.ClusterMaintainerEntry{named},
	})

	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterMaintainer{UserID: f.Colleague.ID})
	refused(err, 422, "Validation failed: User has already been taken")
	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterMaintainer{UserID: noOnes})
	refused(err, 422, "Validation failed: User must exist")
	_, _, err = service.Create(ctx, f.Organization, cluster.ID, buildkite.ClusterMaintainer{})
	refused(err, 422, "Validation failed: User or team must be specified")

	answered(204)(service.Delete(ctx, f.Organization, cluster.ID, user.ID))
	check(list(), []buildkite.ClusterMaintainerEntry{team})
	_, _, err = service.Get(ctx, f.Organization, cluster.ID, user.ID)
	refused(err, 404, "No cluster maintainer found")
}

// Jobs of a pipeline in a cluster wait in its queues: while one is paused nothing comes out of it.
func clusterAtWork(f *fake) {
	client := f.client()
	cluster, linux := f.cluster(client)
	pipeline, _, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name:          "Clustered",
		Repository:    "git@github.com:acme/clustered.git",
		ClusterID:     cluster.ID,
		Configuration: "steps: [{command: make, key: make, agents: {queue: linux}}]",
	})
	must(err)
	check(pipeline.ClusterID, cluster.ID)
	_, _, err = client.ClusterQueues.Pause(ctx, f.Organization, cluster.ID, linux.ID, buildkite.ClusterQueuePause{})
	must(err)
	_, _, err = client.Builds.Create(ctx, f.Organization, "clustered",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	for range 5 {
		build, _, err := client.Builds.Get(ctx, f.Organization, "clustered", "1", nil)
		must(err)
		made := job(build, "make")
		check(made.State, "scheduled")
		check(made.ClusterID, cluster.ID)
		check(made.ClusterQueueID, linux.ID)
		check(made.ClusterURL, cluster.URL)
		check(made.ClusterQueueURL, linux.URL)
	}
	listed := func(paused *bool) []int {
		builds, _, err := client.Builds.ListByPipeline(ctx, f.Organization, "clustered",
			&buildkite.BuildsListOptions{IncludePaused: paused})
		must(err)
		return numbers(builds)
	}
	too, not := true, false
	check(listed(nil), []int{1})
	check(listed(&too), []int{1})
	check(listed(&not), []int{})
	_, err = client.Clusters.Delete(ctx, f.Organization, cluster.ID)
	refused(err, 422, "Cluster can't be deleted because it has pipelines")

	answered(200)(client.ClusterQueues.Resume(ctx, f.Organization, cluster.ID, linux.ID))
	check(listed(&not), []int{1})
	polls := poll(f, client, "clustered", "1")
	check(last(polls).State, "passed")
	check(job(last(polls), "make").Agent.ID != "", true)

	// Out of it again.
	answered(204)(client.Pipelines.Delete(ctx, f.Organization, "clustered"))
}
